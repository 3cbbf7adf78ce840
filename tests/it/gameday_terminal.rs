//! A game day at a terminal.

use crate::book::{mark, processes, processes_with, until};
use crate::gameday::{book, report};
use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

/// Whether a process is stopped, as by Ctrl-Z.
fn is_stopped(mark: &str) -> bool {
    processes_with(mark).iter().any(|line| {
        let pid = line.split(' ').next().unwrap_or_default();
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(')')
            .next()
            .is_some_and(|rest| rest.starts_with(" T"))
    })
}

#[test]
fn at_a_terminal_there_is_a_shell_with_job_control() {
    let (book, mark) = (book(), mark());
    // script(1) gives it a terminal.
    let command = format!("{} gameday 1", env!("CARGO_BIN_EXE_mdbook-runbook"));
    let mut child = Command::new("timeout")
        .args(["60", "script", "-qefc", &command, "/dev/null"])
        .current_dir(book.dir.path())
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let (mut said, mut seen) = (String::new(), 0);
    let mut wait_for = |text: &str| {
        let mut buffer = [0; 4096];
        loop {
            if let Some(at) = said[seen..].find(text) {
                seen += at + text.len();
                return;
            }
            let n = stdout.read(&mut buffer).unwrap();
            assert!(n > 0, "no `{text}` in\n{said}");
            said.push_str(&String::from_utf8_lossy(&buffer[..n]));
        }
    };
    let prompt = "[game day] ~ # ";
    wait_for(prompt);
    let sleep = format!("sleep {mark}");
    writeln!(stdin, "{sleep}").unwrap();
    until("it is started", SOON, || !processes(&sleep).is_empty());
    stdin.write_all(b"\x1a").unwrap();
    wait_for("Stopped");
    wait_for(prompt);
    stdin.write_all(b"fg\n").unwrap();
    wait_for(&sleep);
    // bash names the command first, and gives it the terminal before it lets it go on.
    until("it goes on", SOON, || !is_stopped(&sleep));
    stdin.write_all(b"\x03").unwrap();
    wait_for(prompt);
    stdin
        .write_all(b"echo up >/var/state; cat /var/state\n")
        .unwrap();
    wait_for("\u{7}up\r\n");
    wait_for(prompt);
    stdin.write_all(b"exit\n").unwrap();
    wait_for("solved in ");
    wait_for("report: ");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let report = report(&book);
    for text in [
        format!(": `{sleep}`, exit status 148\n"),
        ": `fg`, exit status 130\n".to_owned(),
        "$ echo up >/var/state; cat /var/state\nup\n```\n".to_owned(),
    ] {
        assert!(report.contains(&text), "no `{text}` in\n{report}");
    }
    assert!(!report.contains("`exit`"), "{report}");
    assert_eq!(processes(&sleep), Vec::<String>::new());
}
