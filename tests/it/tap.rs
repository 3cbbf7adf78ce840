//! `tests/tap.sh`: what cargo says of tests, as results for the acceptance page.

use std::fs;
use std::path::Path;
use std::process::Command;

/// What cargo prints, shortened: two binaries, and a test of each end.
const CARGO: &str = r"
     Running unittests src/lib.rs (target/debug/deps/mdbook_runbook-3b9867906cfd3794)
test source::tests::lines ... ok
     Running unittests src/main.rs (target/debug/deps/tool-3b9867906cfd3794)
     Running tests/it/main.rs (/root/target/debug/deps/it-0b9867906cfd3794)
test drills::recovered ... ok
test drills::lost ... FAILED
test drills::robot - should panic ... ok
test drills::tape ... ignored, needs a tape robot
test drills::lost has been running for over 60 seconds
test result: FAILED. 2 passed; 1 failed
";

#[test]
fn what_cargo_says_becomes_points_with_the_name_of_their_binary() {
    let dir = tempfile::tempdir().unwrap();
    let tests = dir.path().join("tests");
    fs::create_dir(&tests).unwrap();
    let script = tests.join("tap.sh");
    fs::copy(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tap.sh"),
        &script,
    )
    .unwrap();
    let run = Command::new("bash")
        .arg(&script)
        .args(["a", "p/", "bash", "-c", "printf %s \"$0\"; exit 101", CARGO])
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(101));
    assert!(String::from_utf8_lossy(&run.stdout).contains("test drills::lost ... FAILED"));
    let text = fs::read_to_string(dir.path().join("target/results/a.tap")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "TAP version 14");
    assert!(lines[1].starts_with("# finished_at: 20"), "{text}");
    assert_eq!(
        lines[2..],
        [
            "ok 1 - p/lib/source::tests::lines",
            "ok 2 - p/it/drills::recovered",
            "not ok 3 - p/it/drills::lost",
            "ok 4 - p/it/drills::robot",
            "ok 5 - p/it/drills::tape # SKIP",
            "# the command ended with status 101",
            "1..5",
        ]
    );
}
