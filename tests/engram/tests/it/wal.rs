//! The log: what is replayed, and what is refused.

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use crate::instance::{Host, stderr};

/// A host with three memories in the default space: two in an older log file, one in a newer.
fn seeded() -> Host {
    let host = Host::new();
    let server = host.start();
    server.store("default", "one");
    server.store("default", "two");
    server.kill();
    let server = host.start();
    server.store("default", "three");
    server.kill();
    host
}

fn overwrite(path: &Path, at: u64, bytes: &[u8]) {
    let mut file = std::fs::File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
}

fn cut(path: &Path, bytes: u64) {
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() - bytes)
        .unwrap();
}

/// The start fails, names the file and the reason, and changes nothing on disk.
#[track_caller]
fn refused(host: &Host, file: &Path, warning: &str, reason: &str) {
    let before: Vec<Vec<u8>> = host
        .wal("default")
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    let output = host.engram(&["start", "--port", "0"]);
    let (log, error) = (
        String::from_utf8(output.stdout.clone()).unwrap(),
        stderr(&output),
    );
    assert_eq!(output.status.code(), Some(1), "{log}{error}");
    assert!(
        error.starts_with(
            "Error: Failed to initialise memory store for space 'default'\n\nCaused by:\n"
        ),
        "{error}"
    );
    assert!(error.contains(reason), "{error}");
    let line = log.lines().find(|line| {
        line.contains("ERROR") && line.contains("Failed to deserialize WAL entry at offset")
    });
    let line = line.unwrap_or_else(|| panic!("{log}"));
    assert!(
        line.contains(&format!(" in {}: ", file.display())) && line.contains(reason),
        "{line}"
    );
    assert!(
        log.contains(&format!("{warning} in {}: ", file.display())),
        "{log}"
    );
    let after: Vec<Vec<u8>> = host
        .wal("default")
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    assert_eq!(before, after);
}

#[test]
fn everything_acknowledged_is_there_after_restarts_and_each_start_has_a_file() {
    let host = seeded();
    for starts in 3..6 {
        let server = host.start();
        assert_eq!(server.ids("default"), ["one", "two", "three"]);
        server.kill();
        assert_eq!(host.wal("default").len(), starts);
    }
}

#[test]
fn the_last_content_of_an_id_wins_after_a_restart_too() {
    let host = Host::new();
    let server = host.start();
    for content in ["first", "second"] {
        let body = serde_json::json!({ "id": "same", "content": content });
        assert_eq!(server.post("/api/v1/memories/remember", &body).status, 201);
    }
    server.kill();
    let server = host.start();
    assert_eq!(server.ids("default"), ["same"]);
    assert_eq!(
        server.get("/api/v1/memories/same").json()["content"],
        "second"
    );
}

#[test]
fn a_flipped_header_is_refused() {
    let host = seeded();
    let file = host.wal("default").remove(0);
    overwrite(&file, 13, &[0xff]);
    refused(
        &host,
        &file,
        "Corrupted header",
        "Checksum verification failed: expected ",
    );
}

#[test]
fn a_flipped_payload_is_refused_even_in_the_last_record() {
    for index in [0, 1] {
        let host = seeded();
        let file = host.wal("default").remove(index);
        overwrite(&file, 100, &[0xff]);
        refused(
            &host,
            &file,
            "Corrupted payload",
            "Checksum verification failed: expected ",
        );
    }
}

#[test]
fn a_foreign_magic_number_is_refused() {
    let host = seeded();
    let file = host.wal("default").remove(0);
    overwrite(&file, 0, b"oops");
    refused(
        &host,
        &file,
        "Corrupted header",
        "Invalid magic number: expected deadbeef, got 73706f6f",
    );
}

#[test]
fn a_cut_payload_in_an_older_file_is_refused() {
    let host = seeded();
    let file = host.wal("default").remove(0);
    cut(&file, 5);
    refused(
        &host,
        &file,
        "Corrupted payload",
        "failed to fill whole buffer",
    );
}

#[test]
fn a_torn_end_of_the_newest_file_is_removed_and_the_rest_stays() {
    let host = seeded();
    let newest = host.wal("default").remove(1);
    let whole = std::fs::read(&newest).unwrap();
    // Half a record behind the whole one, as a crash during a write leaves it.
    std::fs::write(&newest, [&whole[..], &whole[..whole.len() / 2]].concat()).unwrap();
    let server = host.start();
    assert_eq!(server.ids("default"), ["one", "two", "three"]);
    assert!(
        host.log().contains("Torn record at offset"),
        "{}",
        host.log()
    );
    assert_eq!(std::fs::read(&newest).unwrap(), whole);
    server.store("default", "four");
    server.kill();
    assert_eq!(host.start().ids("default"), ["one", "two", "three", "four"]);
}

#[test]
fn zero_padding_is_no_damage() {
    let host = seeded();
    for file in host.wal("default") {
        std::fs::File::options()
            .append(true)
            .open(file)
            .unwrap()
            .write_all(&[0; 4096])
            .unwrap();
    }
    assert_eq!(host.start().ids("default"), ["one", "two", "three"]);
}

#[test]
fn a_directory_with_the_name_of_a_log_file_is_refused() {
    let host = seeded();
    std::fs::create_dir(host.path("data/default/wal/wal-0000000000000001.log")).unwrap();
    let output = host.engram(&["start", "--port", "0"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("Is a directory (os error 21)"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_file_moved_away_takes_its_memories_and_no_others() {
    let host = seeded();
    let file = host.wal("default").remove(0);
    overwrite(&file, 100, &[0xff]);
    std::fs::rename(&file, host.path("quarantine.log")).unwrap();
    assert_eq!(host.start().ids("default"), ["three"]);
}

#[test]
fn a_log_directory_that_disappears_makes_health_503_and_writes_500() {
    let host = Host::new();
    let server = host.start();
    server.store("default", "before");
    assert_eq!(server.get("/health").status, 200);
    std::fs::rename(host.path("data/default/wal"), host.path("away")).unwrap();
    assert_eq!(server.get("/health").status, 503);
    let health = server.get("/api/v1/system/health");
    assert_eq!(
        (health.status, &health.json()["status"]),
        (503, &"unhealthy".into())
    );
    let answer = server.try_store("default", "lost").unwrap();
    assert_eq!(answer.status, 500);
    assert!(
        answer.json()["error"]["message"]
            .as_str()
            .unwrap()
            .starts_with("WAL batch write failed: "),
        "{answer:?}"
    );
    assert_eq!(server.ids("default"), ["before"]);
    std::fs::rename(host.path("away"), host.path("data/default/wal")).unwrap();
    assert_eq!(server.get("/health").status, 200);
    server.store("default", "after");
    server.kill();
    assert_eq!(host.start().ids("default"), ["before", "after"]);
}

#[test]
fn a_full_file_system_is_507_and_leaves_a_log_that_can_be_read() {
    let host = Host::new();
    // A limit on file sizes does what a full disk does: a write ends in the middle of a record.
    let program = format!(
        "ulimit -f 8; trap '' XFSZ; exec {} start --port 0",
        crate::instance::ENGRAM
    );
    let mut command = host.command(Path::new("bash"));
    let child = command
        .args(["-c", &program])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut server = crate::instance::Server { child, port: 0 };
    assert!(crate::instance::wait_until(|| {
        let text = std::fs::read_to_string(host.path("engram.pid")).unwrap_or_default();
        server.port = text
            .split(':')
            .nth(1)
            .map_or(0, |port| port.parse().unwrap());
        server.port != 0
    }));
    let mut stored = Vec::new();
    let refused = (0..200).find_map(|number| {
        let id = format!("memory_{number}");
        let answer = server.try_store("default", &id).unwrap();
        if answer.status == 201 {
            stored.push(id);
            return None;
        }
        Some(answer)
    });
    let refused = refused.expect("8 kB do not hold 200 records");
    assert_eq!(refused.status, 507, "{refused:?}");
    assert_eq!(server.ids("default"), stored);
    server.kill();
    assert_eq!(host.start().ids("default"), stored);
}
