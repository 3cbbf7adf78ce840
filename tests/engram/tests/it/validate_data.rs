//! `engram validate data`: what it calls damaged, and that it changes nothing.

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Output;

use crate::instance::{Host, stderr, stdout};

/// Two spaces with two log files each; the newest of a space has one entry, the other two.
fn seeded() -> Host {
    let host = Host::new();
    let server = host.start();
    for space in ["default", "tenant_a"] {
        server.store(space, "one");
        server.store(space, "two");
    }
    server.kill();
    let server = host.start();
    for space in ["default", "tenant_a"] {
        server.store(space, "three");
    }
    server.kill();
    host
}

/// Runs it, and checks that no byte of the logs has changed.
#[track_caller]
fn validate(host: &Host, arguments: &[&str]) -> Output {
    let bytes = || {
        let files = ["default", "tenant_a"]
            .map(|space| host.wal(space))
            .concat();
        files
            .into_iter()
            .map(|path| (std::fs::read(&path).ok(), path))
            .collect::<Vec<_>>()
    };
    let before = bytes();
    let output = host.engram(&[&["validate", "data"], arguments].concat());
    assert!(before == bytes(), "it has changed something");
    output
}

fn flip(path: &Path, at: u64) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[usize::try_from(at).unwrap()] ^= 0x10;
    let mut file = std::fs::File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.write_all(&bytes).unwrap();
}

fn shorten(path: &Path, bytes: u64) {
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() - bytes)
        .unwrap();
}

#[test]
fn whole_data_passes_with_the_server_stopped_and_running() {
    let host = seeded();
    let output = validate(&host, &[]);
    assert_eq!(
        (output.status.code(), stdout(&output).as_str()),
        (
            Some(0),
            "Data validation PASSED: 0 damaged; 4 whole files with 6 entries in 2 spaces\n"
        )
    );
    let server = host.start();
    server.store("default", "four");
    let output = validate(&host, &["--space", "default"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        stdout(&output).contains("3 whole files with 4 entries in 1 spaces"),
        "{output:?}"
    );
}

#[test]
fn each_damaged_file_is_one_line_with_path_offset_and_reason() {
    let host = seeded();
    let (default, tenant) = (host.wal("default"), host.wal("tenant_a"));
    flip(&default[0], 20);
    flip(&tenant[0], 70);
    flip(&tenant[1], 70);
    let output = validate(&host, &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let lines = stdout(&output);
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    for (line, path) in lines.iter().zip([&default[0], &tenant[0], &tenant[1]]) {
        let start = format!(
            "Failed to deserialize WAL entry at offset 0 in {}: Checksum verification failed: expected ",
            path.display()
        );
        assert!(line.starts_with(&start), "{line}");
    }
    assert!(
        stderr(&output).contains(
            "Data validation FAILED: 3 damaged; 1 whole files with 1 entries in 2 spaces"
        ),
        "{output:?}"
    );
    // The other space alone.
    shorten(&default[0], 1);
    let output = validate(&host, &["-s", "tenant_a"]);
    assert!(!stdout(&output).contains("/default/"), "{output:?}");
}

#[test]
fn a_cut_is_damage_in_an_older_file_and_a_note_in_the_newest() {
    let host = seeded();
    let files = host.wal("default");
    shorten(&files[1], 3);
    let output = validate(&host, &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let note = format!("NOTE: Torn record at offset 0 in {}: ", files[1].display());
    assert!(stdout(&output).starts_with(&note), "{output:?}");
    shorten(&files[0], 3);
    let output = validate(&host, &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        stdout(&output).contains(": I/O error: failed to fill whole buffer\n")
            && !stdout(&output).contains("offset 0 in {}"),
        "{output:?}"
    );
}

#[test]
fn what_cannot_be_read_is_damage_and_a_broken_configuration_is_no_hindrance() {
    let host = seeded();
    host.configure("[server");
    let file = host.path("data/tenant_a/wal/wal-ffff.log");
    std::fs::create_dir(&file).unwrap();
    let output = host.engram(&["validate", "data"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let line = format!(
        "Failed to read WAL file '{}': Is a directory",
        file.display()
    );
    assert!(stdout(&output).starts_with(&line), "{output:?}");
}

#[test]
fn spaces_and_directories_that_are_not_there_are_errors() {
    let host = Host::new();
    let output = host.engram(&["validate", "data"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stderr(&output).contains("data root"), "{output:?}");
    std::fs::create_dir_all(host.path("data/tenant_a")).unwrap();
    assert_eq!(host.engram(&["validate", "data"]).status.code(), Some(0));
    for (space, message) in [
        ("tenant_b", "not found"),
        ("../etc", "unsupported characters"),
    ] {
        let output = host.engram(&["validate", "data", "--space", space]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(stderr(&output).contains(message), "{output:?}");
    }
}
