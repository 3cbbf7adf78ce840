//! Ctrl-C and a second run in the middle.

use crate::book::{Book, mark, processes, program};
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
    let deadline = Instant::now() + Duration::from_secs(30);
    while processes(&format!("sleep {mark}")).is_empty() {
        assert!(Instant::now() < deadline, "the block was not started");
        std::thread::yield_now();
    }
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
    let deadline = Instant::now() + Duration::from_secs(10);
    while !processes(&format!("sleep {mark}")).is_empty() {
        assert!(
            Instant::now() < deadline,
            "the sandbox outlived the program"
        );
        std::thread::yield_now();
    }
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
