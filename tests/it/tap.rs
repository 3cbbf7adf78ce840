//! `tests/tap.sh`: what cargo says of tests, as results for the acceptance page.

use std::fs;
use std::path::Path;
use std::process::Command;

/// What cargo prints, shortened: two binaries, and a test of each end.
const CARGO: &str = r"
     Running unittests src/lib.rs (target/debug/deps/mdbook_runbook-3b9867906cfd3794)
test source::tests::lines ... ok
test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
     Running unittests src/main.rs (target/debug/deps/tool-3b9867906cfd3794)
test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
     Running tests/it/main.rs (/root/target/debug/deps/it-0b9867906cfd3794)
test drills::recovered ... ok
test drills::lost ... FAILED
test drills::robot - should panic ... ok
test drills::tape ... ignored, needs a tape robot
test drills::lost has been running for over 60 seconds
test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s
";

/// Exit status, output and results of `tap.sh` with a command that prints `text`.
fn tap(text: &str) -> (Option<i32>, String, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let tests = dir.path().join("tests");
    fs::create_dir(&tests).unwrap();
    let script = tests.join("tap.sh");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tap.sh");
    fs::copy(source, &script).unwrap();
    let run = Command::new("bash")
        .arg(&script)
        .args(["a", "p/", "bash", "-c", "printf %s \"$0\"; exit 101", text])
        .output()
        .unwrap();
    let results = fs::read_to_string(dir.path().join("target/results/a.tap")).unwrap();
    (
        run.status.code(),
        String::from_utf8_lossy(&run.stdout).into_owned(),
        results.lines().map(str::to_owned).collect(),
    )
}

#[test]
fn what_cargo_says_becomes_points_with_the_name_of_their_binary() {
    let (status, printed, lines) = tap(CARGO);
    assert_eq!(status, Some(101));
    assert!(printed.contains("test drills::lost ... FAILED"));
    assert_eq!(lines[0], "TAP version 14");
    assert!(lines[1].starts_with("# finished_at: 20"), "{lines:?}");
    assert_eq!(
        lines[2..],
        [
            "ok 1 - p/lib/source::tests::lines",
            "ok 2 - p/it/drills::recovered",
            "not ok 3 - p/it/drills::lost",
            "ok 4 - p/it/drills::robot",
            "ok 5 - p/it/drills::tape # SKIP",
            "1..5",
        ]
    );
}

#[test]
fn a_run_of_a_part_of_the_tests_says_so() {
    let gives_up = |text: &str| {
        let (_, _, lines) = tap(text);
        assert_eq!(
            lines.last().unwrap(),
            "Bail out! the command ended with status 101"
        );
    };
    gives_up("error: could not compile `a`\n");
    gives_up(&CARGO.replace("0 filtered out", "7 filtered out"));
    let (before, _) = CARGO.rsplit_once("test result").unwrap();
    gives_up(before);
    gives_up(&format!("{CARGO}error: could not compile `b`\n"));
}
