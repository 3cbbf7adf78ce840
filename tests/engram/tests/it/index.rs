//! The word index: what it finds is what is there, and without it the same is found.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::instance::{Host, Server, stderr, stdout, wait_until};

const WORDS: [&str; 8] = [
    "red",
    "green",
    "blue",
    "redwood",
    "evergreen",
    "sea",
    "seal",
    "ÄPFEL",
];

fn store(server: &Server, id: &str, content: &str) {
    let body = json!({ "id": id, "content": content });
    let answer = server.post("/api/v1/memories/remember", &body);
    assert_eq!(answer.status, 201, "{answer:?}");
}

/// Sixty memories with words that contain each other, some stored twice with different words.
fn seeded() -> (Host, Server) {
    let host = Host::new();
    let server = host.start();
    for number in 0..60 {
        let pick = |factor: usize| WORDS[number * factor % WORDS.len()];
        store(
            &server,
            &format!("id_{number}"),
            &format!("{} {} {}", pick(1), pick(3), number % 7),
        );
    }
    for number in (0..60).step_by(9) {
        store(
            &server,
            &format!("id_{number}"),
            &format!("{} again", WORDS[number % 5]),
        );
    }
    (host, server)
}

fn found(server: &Server, cue: &str) -> Vec<String> {
    let path = format!(
        "/api/v1/memories/search?limit=1000&query={}",
        cue.replace(' ', "+")
    );
    ids(&server.get(&path).json()["memories"])
}

fn ids(memories: &Value) -> Vec<String> {
    let memories = memories.as_array().unwrap_or_else(|| panic!("{memories}"));
    memories
        .iter()
        .map(|memory| memory["id"].as_str().unwrap().to_owned())
        .collect()
}

/// What a search for each cue finds.
fn all_found(server: &Server) -> Vec<Vec<String>> {
    [
        "red",
        "green",
        "e",
        "sea again",
        "seal 3",
        "id_9",
        "ID_9",
        "%C3%A4pfel",
        "none",
        "red green blue",
        "",
    ]
    .iter()
    .map(|cue| found(server, cue))
    .collect()
}

fn index(server: &Server) -> Value {
    let health = server.get("/api/v1/system/health").json();
    health["indices"][0].clone()
}

fn metric(server: &Server, line: &str) -> bool {
    server
        .get("/metrics/prometheus")
        .body
        .lines()
        .any(|other| other == line)
}

fn file(host: &Host) -> PathBuf {
    host.path("data/default/indices/words.idx")
}

/// Turns over the last byte: a part of the number of a memory.
fn damage(host: &Host) {
    let mut bytes = std::fs::read(file(host)).unwrap();
    *bytes.last_mut().unwrap() ^= 0xff;
    std::fs::write(file(host), bytes).unwrap();
}

#[track_caller]
fn in_fallback(host: &Host, server: &Server, status: &str, reason: &str) {
    let index = index(server);
    assert_eq!(index["status"], status, "{index}");
    assert!(
        index["reason"].as_str().unwrap().contains(reason),
        "{index}"
    );
    assert!(metric(
        server,
        "engram_index_fallback_active{memory_space=\"default\"} 1"
    ));
    let log = host.log();
    let line = log
        .lines()
        .rfind(|line| line.contains("Index corrupted or unavailable"));
    let line = line.unwrap_or_else(|| panic!("{log}"));
    assert!(
        line.contains("ERROR engram_core::index: ") && line.contains(reason),
        "{line}"
    );
    assert!(
        line.contains("space=default") && line.contains("words.idx"),
        "{line}"
    );
    let health = server.get("/api/v1/system/health").json();
    assert_eq!(health["status"], "degraded");
}

#[track_caller]
fn healthy(server: &Server) {
    let index = index(server);
    let expected = json!({ "space": "default", "name": "words", "status": "healthy", "entries": 60, "verified": true, "reason": null });
    assert_eq!(index, expected);
    assert!(metric(
        server,
        "engram_index_fallback_active{memory_space=\"default\"} 0"
    ));
}

fn rebuilt(server: &Server) -> bool {
    let answer = server.post("/api/v1/system/rebuild-indices", &json!({}));
    assert_eq!(answer.status, 202, "{answer:?}");
    wait_until(|| index(server)["status"] != "rebuilding")
}

#[test]
fn the_index_finds_what_the_linear_scan_finds_in_the_same_order() {
    let (host, server) = seeded();
    healthy(&server);
    let with_index = all_found(&server);
    assert!(
        with_index[0].len() > 10 && with_index[1].len() > 10,
        "{with_index:?}"
    );
    assert!(metric(
        &server,
        "engram_index_queries_total{memory_space=\"default\",mode=\"index\"} 10"
    ));
    server.terminate();
    std::fs::remove_file(file(&host)).unwrap();
    let server = host.start();
    in_fallback(&host, &server, "missing", "No such file or directory");
    assert_eq!(all_found(&server), with_index);
    assert!(metric(
        &server,
        "engram_index_queries_total{memory_space=\"default\",mode=\"linear\"} 11"
    ));
}

#[test]
fn recall_and_query_use_it_too() {
    let (_host, server) = seeded();
    let recall = server
        .get("/api/v1/memories/recall?query=sea&limit=1000")
        .json();
    assert_eq!(ids(&recall["memories"]["vivid"]), found(&server, "sea"));
    let query = server
        .post("/api/v1/query", &json!({ "query_text": "RECALL sea" }))
        .json();
    assert_eq!(ids(&query["episodes"]), found(&server, "sea"));
}

#[test]
fn an_index_that_lags_behind_the_log_is_caught_up() {
    let (host, server) = seeded();
    let expected = all_found(&server);
    // Nothing was saved but the empty index of the new space, or what the timer has saved.
    server.kill();
    let server = host.start();
    healthy(&server);
    assert_eq!(all_found(&server), expected);
    assert!(
        host.log().contains("Index caught up with the log"),
        "{}",
        host.log()
    );
    assert_eq!(server.terminate(), Some(0));
    let server = host.start();
    healthy(&server);
    assert_eq!(all_found(&server), expected);
}

#[test]
fn memories_whose_log_file_is_gone_are_not_found() {
    let (host, server) = seeded();
    server.terminate();
    std::fs::rename(host.wal("default").remove(0), host.path("away")).unwrap();
    let server = host.start();
    assert_eq!(found(&server, "red"), Vec::<String>::new());
    let index = index(&server);
    assert_eq!(
        (&index["status"], &index["entries"]),
        (&json!("healthy"), &json!(0))
    );
}

#[test]
fn a_damaged_index_is_used_no_more_until_it_is_rebuilt() {
    let (host, server) = seeded();
    let expected = all_found(&server);
    server.terminate();
    damage(&host);
    for _ in 0..2 {
        let server = host.start();
        in_fallback(
            &host,
            &server,
            "corrupted",
            "Checksum verification failed: expected ",
        );
        assert_eq!(all_found(&server), expected);
        server.terminate();
    }
    let server = host.start();
    // What is stored meanwhile is not lost to the index.
    store(&server, "id_1", "red again");
    let expected = all_found(&server);
    assert!(rebuilt(&server));
    healthy(&server);
    assert_eq!(all_found(&server), expected);
    assert!(metric(
        &server,
        "engram_index_rebuilds_total{memory_space=\"default\",status=\"ok\"} 1"
    ));
    server.kill();
    let server = host.start();
    healthy(&server);
}

#[test]
fn rebuild_by_command() {
    let (host, server) = seeded();
    server.store("tenant_a", "contract_7");
    server.terminate();
    damage(&host);
    let server = host.start();
    // Not open yet, but on disk.
    let output = host.engram(&["rebuild-indices", "--space", "all"]);
    assert_eq!(
        stdout(&output),
        "Index of space \"default\" rebuilt: 60 memories\nIndex of space \"tenant_a\" rebuilt: 1 memories\n"
    );
    assert_eq!(output.status.code(), Some(0));
    healthy(&server);
    let output = host.engram(&["rebuild-indices", "--space", "default", "--background"]);
    assert_eq!(stdout(&output), "Index rebuild started: default\n");
    let output = host.engram(&["rebuild-indices", "--space", "tenant_x"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("Memory space 'tenant_x' not found"),
        "{}",
        stderr(&output)
    );
    assert_eq!(host.engram(&["rebuild-indices"]).status.code(), Some(2));
    drop(server);
}

#[test]
fn an_index_that_cannot_be_written_is_a_failed_rebuild() {
    let (host, server) = seeded();
    let expected = all_found(&server);
    server.terminate();
    let directory = host.path("data/default/indices");
    // A file in its place cannot be used by root either, whom permissions do not stop.
    std::fs::rename(&directory, host.path("away")).unwrap();
    std::fs::write(&directory, "").unwrap();
    let server = host.start();
    in_fallback(
        &host,
        &server,
        "unreadable",
        "Not a directory (os error 20)",
    );
    assert_eq!(all_found(&server), expected);
    let output = host.engram(&["rebuild-indices", "--space", "default"]);
    assert_eq!(output.status.code(), Some(1));
    let expected = "Error: Index rebuild failed\n\nCaused by:\n    space 'default': unreadable: the rebuilt file cannot be written: Not a directory (os error 20)\n";
    assert_eq!(stderr(&output), expected);
    assert!(metric(
        &server,
        "engram_index_rebuilds_total{memory_space=\"default\",status=\"failed\"} 1"
    ));
    std::fs::remove_file(&directory).unwrap();
    std::fs::rename(host.path("away"), &directory).unwrap();
    assert_eq!(
        host.engram(&["rebuild-indices", "--space", "default"])
            .status
            .code(),
        Some(0)
    );
    healthy(&server);
}

#[test]
fn with_auto_rebuild_a_restart_heals_it() {
    let (host, server) = seeded();
    server.terminate();
    damage(&host);
    host.configure("[storage.indices]\nauto_rebuild_on_corruption = true\n");
    let server = host.start();
    healthy(&server);
    assert!(
        host.log().contains("Index corrupted or unavailable"),
        "{}",
        host.log()
    );
}

#[test]
fn without_verification_a_damaged_index_finds_less_and_is_never_proved_again() {
    let (host, server) = seeded();
    let expected = found(&server, "evergreen");
    server.terminate();
    host.configure("[storage.indices]\nverify_on_load = false\n");
    let mut bytes = std::fs::read(file(&host)).unwrap();
    let at = bytes
        .windows(9)
        .position(|window| window == b"evergreen")
        .unwrap();
    bytes[at] = b'x';
    std::fs::write(file(&host), bytes).unwrap();
    let server = host.start();
    assert_eq!(index(&server)["status"], "healthy");
    assert_eq!(index(&server)["verified"], false);
    assert!(found(&server, "evergreen").len() < expected.len());
    // A save must not give the damaged index a checksum that fits.
    store(&server, "id_1", "red again");
    server.terminate();
    host.configure("");
    let server = host.start();
    in_fallback(
        &host,
        &server,
        "corrupted",
        "there is no checksum to verify",
    );
    assert!(found(&server, "evergreen").len() >= expected.len() - 1);
    server.terminate();
    host.configure("[storage.indices]\nauto_rebuild_on_corruption = true\n");
    healthy(&host.start());
}

#[test]
fn without_checksums_none_is_written_and_none_is_needed() {
    let host = Host::new();
    host.configure("[storage.indices]\nenable_checksums = false\n");
    let server = host.start();
    server.store("default", "one");
    server.terminate();
    let bytes = std::fs::read(file(&host)).unwrap();
    assert_eq!(
        (&bytes[..8], &bytes[12..16], &bytes[32..36]),
        (&b"ENGRMIDX"[..], &[0; 4][..], &[0; 4][..])
    );
    let server = host.start();
    assert_eq!(index(&server)["status"], "healthy");
    assert_eq!(found(&server, "one"), ["one"]);
}

#[test]
fn a_change_is_saved_without_a_stop() {
    let host = Host::new();
    let server = host.start();
    server.store("default", "one");
    let saved = || std::fs::read(file(&host)).is_ok_and(|bytes| bytes[16] == 1);
    assert!(wait_until(saved));
    drop(server);
}
