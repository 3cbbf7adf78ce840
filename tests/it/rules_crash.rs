//! Whatever happens while a rule file is written, it holds the old or the new text.

use crate::book::{Book, program};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Rules enough that writing takes a while.
const RULES: usize = 1_500;

fn rules() -> String {
    let rule = |number| format!("  - alert: Down\n    expr: up == {number}\n    for: 5m\n");
    let rules = (0..RULES).map(rule).collect::<String>();
    format!("groups:\n- name: g\n  rules:\n{rules}")
}

fn book(rules: &str) -> Book {
    Book::new()
        .toml(
            "[preprocessor.runbook]\nbase-url = \"https://r.example\"\nrules = [\"rules/*.yml\"]\n",
        )
        .page("a.md", "---\nalerts: [Down]\n---\n# T\n\nText.\n")
        .file("rules/a.yml", rules)
}

fn start(book: &Book) -> Child {
    program(book.dir.path())
        .arg("alerts")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Temporary files that a killed run has left.
fn left(dir: &Path) -> Vec<std::path::PathBuf> {
    let files = walkdir::WalkDir::new(dir)
        .min_depth(1)
        .into_iter()
        .flatten();
    let paths = files.map(walkdir::DirEntry::into_path);
    paths.filter(|path| !path.ends_with("a.yml")).collect()
}

#[test]
fn kill_at_any_moment_leaves_the_old_or_the_new_file() {
    let old = rules();
    let book = book(&old);
    let dir = book.path("rules");
    let begin = Instant::now();
    assert!(start(&book).wait().unwrap().success());
    let whole = begin.elapsed();
    let new = book.read("rules/a.yml");
    assert_ne!(old, new);
    let (mut n_old, mut n_new, mut n_in_the_middle) = (0, 0, 0);
    for round in 0_u32..30 {
        book.write("rules/a.yml", &old);
        let mut child = start(&book);
        if round % 2 == 0 {
            // Any moment of the run, in steps that no clock of the program shares.
            let moment = whole * (round * 17 % 30) / 30;
            wait_until(|| false, moment);
        } else {
            // The moment when the file is being written, or has just been.
            wait_until(|| !left(&dir).is_empty(), whole * 3);
            wait_until(|| false, Duration::from_micros(u64::from(round) * 67));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        match book.read("rules/a.yml") {
            text if text == old => n_old += 1,
            text if text == new => n_new += 1,
            text => panic!("round {round}: a part of {} bytes", text.len()),
        }
        for path in left(&dir) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            assert!(name.starts_with(".mdbook-runbook-"), "{name}");
            n_in_the_middle += 1;
            fs::remove_file(path).unwrap();
        }
    }
    assert!(
        n_old > 0 && n_in_the_middle > 0,
        "{n_old} {n_new} {n_in_the_middle}"
    );
    // What a killed run leaves is in nobody's way.
    book.write("rules/.mdbook-runbook-left", "a part");
    book.run(&["alerts"]).status(0);
    assert_eq!(book.read("rules/a.yml"), new);
}

fn wait_until(condition: impl Fn() -> bool, at_most: Duration) {
    let begin = Instant::now();
    while !condition() && begin.elapsed() < at_most {
        std::thread::sleep(Duration::from_micros(50));
    }
}

/// Runs `alerts` in a shell that `before` has prepared, on a book in a folder of its own.
fn in_shell(before: &str, book: &Book) -> (Option<i32>, String) {
    let script = format!("{before}; exec \"$0\" alerts");
    let output = Command::new("bash")
        .args(["-c", &script, env!("CARGO_BIN_EXE_mdbook-runbook")])
        .current_dir(book.dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

#[test]
fn a_write_that_the_system_ends_early_leaves_the_old_file() {
    // Larger than any file of the site, which must still be built.
    let comment = format!("# {}\n", "x".repeat(98)).repeat(60_000);
    let old = format!("{}{comment}", rules());
    let book = book(&old);
    let kib = old.len() / 1024 + 8;
    let (status, said) = in_shell(&format!("trap '' XFSZ; ulimit -f {kib}"), &book);
    assert_eq!(status, Some(2), "{said}");
    assert!(said.contains("cannot write the new text of"), "{said}");
    assert_eq!(book.read("rules/a.yml"), old);
    assert_eq!(left(&book.path("rules")).len(), 0);
    // Without a trap the signal ends the program.
    let (status, said) = in_shell(&format!("ulimit -f {kib}"), &book);
    assert_eq!(status, None, "{said}");
    assert_eq!(book.read("rules/a.yml"), old);
}

#[test]
fn a_full_disk_leaves_the_old_file() {
    let old = rules();
    let book = book(&old);
    let dir = book.dir.path().to_str().unwrap();
    let exe = env!("CARGO_BIN_EXE_mdbook-runbook");
    // Room for the old text and a part of the new one.
    let size = old.len() + old.len() / 2;
    let script = format!(
        "set -e; cp {dir}/rules/a.yml /tmp/full/a.yml; cd {dir}; set +e; '{exe}' alerts; echo status $?; \
         cmp /tmp/full/a.yml {dir}/rules/a.yml && echo same; ls -A /tmp/full; df --output=avail /tmp/full"
    );
    let toml = book
        .read("book.toml")
        .replace("rules/*.yml", "/tmp/full/*.yml");
    book.write("book.toml", &toml);
    let output = Command::new("bwrap")
        .args(["--ro-bind", "/", "/", "--dev", "/dev", "--tmpfs", "/tmp"])
        // Both may lie below /tmp.
        .args(["--ro-bind", dir, dir, "--ro-bind", exe, exe])
        .args(["--size", &size.to_string(), "--tmpfs", "/tmp/full"])
        .args(["bash", "-c", &script])
        .output()
        .expect("bwrap comes with the package `bubblewrap`");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    for expected in ["No space left on device", "status 2", "same\na.yml\n"] {
        assert!(said.contains(expected), "no `{expected}` in\n{said}");
    }
}
