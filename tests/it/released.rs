//! The Engram book against a double of the released Engram 0.1.0: `--instance real`.

use crate::book::{Ran, program};
use crate::engram::Copy;
use std::path::Path;
use std::process::Command;

/// A copy of the book, and the double on the PATH, where the real program would be.
fn run(copy: &Copy, pages: &[&str]) -> Ran {
    let to = copy.0.path().join("released");
    let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/released/build.sh");
    assert!(Command::new(build).arg(&to).status().unwrap().success());
    let path = format!("{}:{}", to.display(), std::env::var("PATH").unwrap());
    let args = ["test", "--instance", "real", "-C", "book"];
    let mut command = program(copy.0.path());
    Ran::from(
        command
            .env("PATH", path)
            .args(args)
            .args(pages)
            .output()
            .unwrap(),
    )
}

#[test]
fn issues_1_6_and_10_hold_there_and_f1_is_seen() {
    let pages = [
        "wont-start",
        "space-isolation",
        "grpc-connection",
        "wal-lag",
    ];
    let ran = run(&Copy::new(), &pages)
        .status(1)
        .says("ok   issues/wont-start.md: Port conflict: recovered")
        .says("ok   issues/wont-start.md: Permission denied: recovered")
        .says("ok   issues/wont-start.md: Invalid configuration: recovered")
        .says("ok   issues/space-isolation.md: Space not created: recovered")
        .says("ok   issues/space-isolation.md: Directory permissions: recovered")
        .says("ok   issues/space-isolation.md: Registry lost: recovered")
        .says("ok   issues/space-isolation.md: HTTP routing gap: recovered")
        .says("ok   issues/grpc-connection.md: Port conflict: recovered")
        .says("ok   issues/grpc-connection.md: Firewall: recovered")
        .says(
            "n/a  issues/grpc-connection.md: gRPC is disabled: not applicable, lacks `grpc-config`",
        )
        .says("n/a  issues/wal-lag.md: Disk full: not applicable, lacks `consolidation`")
        // The restart that loses what was stored after the one before.
        .says("FAIL issues/wont-start.md: Killed: data-lost")
        .says("-tenant_a contract_9 Contract 9 came after the restart.")
        .says("known of this instance, and no fault of the page")
        .says("known-behaviour.html#f1")
        .says("1/1 live, from alert to all-clear")
        .says("9/10 drills recovered");
    let errors = ran.stderr.matches("error[").count() + ran.stdout.matches("error[").count();
    assert_eq!(errors, 1, "{ran:#?}");
}
