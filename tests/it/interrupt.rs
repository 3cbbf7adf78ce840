//! Ctrl-C and a second run in the middle.

use crate::book::{Book, mark, processes, processes_with, program, until};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Starts `test` on a page that sleeps, and waits until it does.
fn sleeping(book: &Book, mark: &str) -> Child {
    let child = program(book.dir.path())
        .arg("test")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let soon = Duration::from_secs(30);
    until("the block is started", soon, || {
        !processes(&format!("sleep {mark}")).is_empty()
    });
    child
}

fn book(mark: &str) -> Book {
    Book::new()
        .page("a.md", &format!("```bash\nsleep {mark}\n```\n"))
        .page("b.md", &format!("```bash\nsleep {mark}\n```\n"))
}

#[test]
fn ctrl_c_leaves_nothing_running_and_says_so() {
    for signal in ["INT", "TERM", "HUP"] {
        let mark = mark();
        let book = book(&mark);
        let child = sleeping(&book, &mark);
        let pid = child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", signal, &pid])
                .status()
                .unwrap()
                .success()
        );
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130));
        assert!(String::from_utf8_lossy(&output.stdout).contains("interrupted"));
        assert_eq!(processes(&format!("sleep {mark}")), Vec::<String>::new());
        assert!(
            !book.path(".runbook/evidence").exists(),
            "evidence of a broken-off run"
        );
    }
}

#[test]
fn even_kill_9_leaves_nothing_running() {
    let mark = mark();
    let mut child = sleeping(&book(&mark), &mark);
    child.kill().unwrap();
    child.wait().unwrap();
    let soon = Duration::from_secs(10);
    until("the sandbox ends with the program", soon, || {
        processes(&format!("sleep {mark}")).is_empty()
    });
}

#[test]
fn a_second_run_of_the_same_book_is_refused() {
    let mark = mark();
    let book = book(&mark);
    let mut child = sleeping(&book, &mark);
    book.run(&["test"])
        .status(75)
        .says("another run of this book is active");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A book that starts sandboxes all the time. The processes in them have `mark` in their
/// environment, and bubblewrap's have it in their command line, too.
fn busy(mark: &str) -> Book {
    let book = Book::new().toml(&format!(
        "[preprocessor.runbook.instance]\npath = [\"tool\"]\nenv = {{ MARK = \"{mark}\" }}\n"
    ));
    book.write("tool", "");
    book.write(&format!("{mark}/temporary"), "");
    // The user that sandboxes have reads what is copied there.
    std::fs::set_permissions(book.dir.path(), Permissions::from_mode(0o755)).unwrap();
    (0..40).fold(book, |book, number| {
        book.page(&format!("{number}.md"), "```bash\ntrue\n```\n")
    })
}

/// Ctrl-C in a terminal, which goes to all of the process group, `delay` after the first sandbox
/// has begun to start.
fn interrupt_while_sandboxes_start(book: &Book, mark: &str, delay: Duration) {
    let mut child = program(book.dir.path())
        .args(["test", "--jobs", "4"])
        .env("TMPDIR", book.path(mark))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    while processes(&format!("{mark}/mdbook-runbook-")).is_empty() {
        assert_eq!(child.try_wait().unwrap(), None, "no sandbox was started");
        std::thread::yield_now();
    }
    let begin = Instant::now();
    while begin.elapsed() < delay {
        std::thread::yield_now();
    }
    let group = format!("-{}", child.id());
    let kill = Command::new("kill")
        .args(["-s", "INT", "--", &group])
        .status();
    assert!(kill.unwrap().success(), "it was over before");
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130), "{status} after {delay:?}");
}

/// Waits until no process with `mark` is left: those that were killed take a moment to go.
fn await_none_with(mark: &str) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let left = processes_with(mark);
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "left running: {left:#?}");
        std::thread::yield_now();
    }
}

#[test]
fn ctrl_c_while_sandboxes_start_leaves_no_process() {
    let mark = mark();
    let book = busy(&mark);
    for round in 0..30 {
        interrupt_while_sandboxes_start(&book, &mark, Duration::from_millis(round * 2));
        await_none_with(&mark);
    }
}
