//! Consolidation: what it does with the log, when, and why it may not.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::instance::{Host, Server, stderr, wait_until};

const COMPACT: &str = "/api/v1/maintenance/compact";

fn compact(server: &Server) -> (u16, Value) {
    let answer = server.send("POST", COMPACT, &[], "");
    (answer.status, answer.json())
}

/// The value of a metric, the sum if it has several series.
fn metric(server: &Server, name: &str) -> f64 {
    let text = server.get("/metrics/prometheus").body;
    let samples = text.lines().filter(|line| {
        line.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with([' ', '{']))
    });
    samples
        .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        .sum()
}

/// Has the metric this value, a whole number?
fn is(server: &Server, name: &str, value: f64) -> bool {
    (metric(server, name) - value).abs() < 0.5
}

fn checkpoints(host: &Host) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(host.path("data/default/warm")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// A host whose only memories are in a checkpoint.
fn consolidated() -> Host {
    let host = Host::new();
    let server = host.start();
    for id in ["one", "two", "three"] {
        server.store("default", id);
    }
    assert_eq!(compact(&server).1["compaction"]["records"], 3);
    server.kill();
    host
}

#[test]
fn what_is_consolidated_leaves_the_log_and_survives_restarts() {
    let host = consolidated();
    let server = host.start();
    assert_eq!(server.ids("default"), ["one", "two", "three"]);
    assert_eq!(host.wal("default").len(), 2, "two starts since, no records");
    server.store("default", "four");
    let again = json!({ "id": "two", "content": "second" });
    assert_eq!(server.post("/api/v1/memories/remember", &again).status, 201);
    let (status, body) = compact(&server);
    assert_eq!(
        (status, &body["compaction"]["records"]),
        (200, &json!(2)),
        "{body}"
    );
    assert_eq!(compact(&server).1["compaction"], Value::Null);
    assert_eq!(
        checkpoints(&host),
        [host.path("data/default/warm/checkpoint-00000002.ckp")]
    );
    server.kill();
    let server = host.start();
    assert_eq!(server.ids("default"), ["one", "two", "three", "four"]);
    assert_eq!(
        server.get("/api/v1/memories/two").json()["content"],
        "second"
    );
}

#[test]
fn files_are_rotated_by_size() {
    let host = Host::new();
    host.configure("[persistence]\nwal_max_file_bytes = 4096\n");
    let server = host.start();
    let ids: Vec<String> = (0..100).map(|number| format!("m{number}")).collect();
    for id in &ids {
        server.store("default", id);
    }
    let files = host.wal("default");
    assert!(files.len() > 3, "{files:?}");
    assert!(
        files
            .iter()
            .all(|file| file.metadata().unwrap().len() < 4096 + 512)
    );
    assert!(is(&server, "engram_wal_records", 100.0));
    server.kill();
    assert_eq!(host.start().ids("default"), ids);
}

#[test]
fn the_worker_consolidates_what_is_due_by_age_or_by_number() {
    for due in ["idle_threshold_secs = 0", "max_batch_size = 2"] {
        let host = Host::new();
        host.configure(&format!(
            "[consolidation]\ncheck_interval_secs = 1\n{due}\n"
        ));
        let server = host.start();
        for id in ["one", "two", "three"] {
            server.store("default", id);
        }
        assert!(
            wait_until(|| !checkpoints(&host).is_empty()),
            "{}",
            host.log()
        );
        assert!(wait_until(|| metric(&server, "engram_wal_records") < 2.0));
        assert!(wait_until(|| metric(
            &server,
            "engram_consolidation_memories_total"
        ) > 0.0));
        assert!(wait_until(|| {
            host.log().contains("Consolidation cycle complete")
                && metric(&server, "engram_consolidation_cycles_total") >= 1.0
        }));
        assert!(
            metric(
                &server,
                "engram_consolidation_last_success_timestamp_seconds"
            ) > 1e9
        );
        let health = server.get("/api/v1/system/health").json();
        assert!(
            health["consolidation_rate"].as_f64().unwrap() > 0.0,
            "{health}"
        );
        assert!(health["spaces"][0]["consolidation_rate"].as_f64().unwrap() > 0.0);
        assert_eq!(server.ids("default"), ["one", "two", "three"]);
    }
}

#[test]
fn nothing_is_consolidated_before_it_is_due_or_when_it_is_disabled() {
    for keys in [
        "check_interval_secs = 1",
        "check_interval_secs = 1\nidle_threshold_secs = 0\nenabled = false",
    ] {
        let host = Host::new();
        host.configure(&format!("[consolidation]\n{keys}\n"));
        let server = host.start();
        server.store("default", "one");
        let disabled = keys.contains("false");
        if disabled {
            assert!(wait_until(
                || metric(&server, "engram_wal_lag_seconds") > 0.5
            ));
            assert!(
                server.get("/api/v1/system/health").json()["wal_lag_ms"]
                    .as_f64()
                    .unwrap()
                    > 500.0
            );
        } else {
            assert!(wait_until(|| metric(
                &server,
                "engram_consolidation_cycles_total"
            ) > 2.0));
        }
        assert_eq!(
            metric(&server, "engram_consolidation_cycles_total") > 0.0,
            !disabled
        );
        assert!(is(&server, "engram_wal_records", 1.0));
        assert!(checkpoints(&host).is_empty());
    }
}

#[test]
fn memories_that_resemble_each_other_are_a_belief() {
    let host = Host::new();
    let server = host.start();
    for number in 0..6 {
        server.store("default", &format!("m{number}"));
    }
    assert_eq!(compact(&server).1["compaction"]["patterns"], 1);
    let found = server.get("/api/v1/consolidations").json();
    assert_eq!(found["beliefs"][0]["support"], 6, "{found}");
    assert_eq!(found["stats"]["memories_consolidated"], 6);
}

#[test]
fn a_damaged_checkpoint_is_refused_by_name_and_a_half_written_one_removed() {
    let host = consolidated();
    let half = host.path("data/default/warm/checkpoint-00000002.ckp.tmp");
    std::fs::write(&half, "half").unwrap();
    host.start().kill();
    assert!(!half.exists());
    let path = checkpoints(&host).remove(0);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 0xff;
    std::fs::write(&path, &bytes).unwrap();
    let output = host.engram(&["start", "--port", "0"]);
    assert_eq!(output.status.code(), Some(1));
    let log = String::from_utf8(output.stdout.clone()).unwrap();
    let named = format!("in {}: Checksum verification failed", path.display());
    assert!(
        log.contains("Failed to deserialize WAL entry at offset") && log.contains(&named),
        "{log}"
    );
    assert!(stderr(&output).contains(&path.display().to_string()));
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_log_file_that_the_checkpoint_holds_is_removed_and_an_older_one_replaces_nothing() {
    let host = Host::new();
    let server = host.start();
    server.store("default", "same");
    let log = host.wal("default").remove(0);
    let old = std::fs::read(&log).unwrap();
    let newer = json!({ "id": "same", "content": "newer" });
    assert_eq!(server.post("/api/v1/memories/remember", &newer).status, 201);
    let whole = std::fs::read(&log).unwrap();
    assert_eq!(compact(&server).0, 200);
    server.kill();
    // As a crash between the checkpoint and the removal leaves it.
    std::fs::write(&log, whole).unwrap();
    let server = host.start();
    assert!(!log.exists());
    server.kill();
    // As somebody who puts an old file back from quarantine.
    let older = log.with_file_name("wal-0000000000000001.log");
    std::fs::write(&older, old).unwrap();
    let server = host.start();
    assert!(older.exists());
    assert_eq!(
        server.get("/api/v1/memories/same").json()["content"],
        "newer"
    );
}

#[test]
fn a_damaged_log_file_fails_the_cycle_and_stays() {
    let host = Host::new();
    let server = host.start();
    server.store("default", "one");
    let log = host.wal("default").remove(0);
    let mut bytes = std::fs::read(&log).unwrap();
    bytes[100] ^= 0xff;
    std::fs::write(&log, &bytes).unwrap();
    let (status, body) = compact(&server);
    let message = body["error"]["message"].as_str().unwrap();
    assert!(
        status == 500 && message.starts_with("Consolidation cycle failed: Failed to deserialize"),
        "{body}"
    );
    assert_eq!(std::fs::read(&log).unwrap(), bytes);
    assert!(checkpoints(&host).is_empty());
    assert!(is(&server, "engram_consolidation_failures_total", 1.0));
}

#[test]
fn it_waits_for_the_lock_that_another_process_holds() {
    let host = Host::new();
    host.configure("[consolidation]\ncheck_interval_secs = 1\nidle_threshold_secs = 0\n");
    let server = host.start();
    let lock = host.path("data/.consolidation.lock");
    let mut holder = Command::new("flock")
        .args([lock.as_os_str(), "sleep".as_ref(), "60".as_ref()])
        .spawn()
        .unwrap();
    assert!(
        wait_until(|| host.log().contains("consolidation waits for the lock")),
        "{}",
        host.log()
    );
    server.store("default", "one");
    let (status, body) = compact(&server);
    assert_eq!(
        (status, &body["error"]["code"]),
        (409, &json!("COMPACTION_IN_PROGRESS"))
    );
    assert!(is(&server, "engram_consolidation_waits_for_lock", 1.0));
    // flock leaves the lock to its child, which must end, too.
    let child = format!("/proc/{0}/task/{0}/children", holder.id());
    let child = std::fs::read_to_string(child).unwrap();
    let kill = |pid: &str| Command::new("kill").args(["-9", pid]).status().unwrap();
    assert!(kill(child.trim()).success());
    holder.wait().unwrap();
    assert!(
        wait_until(|| !checkpoints(&host).is_empty()),
        "{}",
        host.log()
    );
    assert_eq!(server.terminate(), Some(0));
}

/// Stores many small memories over one connection each.
fn fill(server: &Server, number: usize) {
    std::thread::scope(|scope| {
        for writer in 0..2 {
            scope.spawn(move || {
                for at in 0..number / 2 {
                    server.store("default", &format!("w{writer}_{at}"));
                }
            });
        }
    });
}

#[test]
fn a_batch_too_large_for_its_time_or_its_memory_fails_and_a_smaller_one_does_not() {
    let host = Host::new();
    let keys = "max_batch_size = 4000\ncheck_interval_secs = 3600\nidle_threshold_secs = 3600";
    host.configure(&format!(
        "[consolidation]\n{keys}\n[consolidation.pattern_detection]\ntimeout_secs = 1\n"
    ));
    let server = host.start();
    fill(&server, 4_000);
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let data = status
        .lines()
        .find_map(|line| line.strip_prefix("VmData:"))
        .unwrap();
    let data: u64 = data.trim().trim_end_matches(" kB").parse().unwrap();
    // 4,000 x 4,000 numbers of 4 bytes are 61 MiB.
    limit_data(&server, &format!("{}", (data << 10) + (40 << 20)));
    let (status, body) = compact(&server);
    assert_eq!(status, 500, "{body}");
    assert!(
        host.log()
            .contains("ERROR engram_core::consolidation: Memory allocation failed: out of memory"),
        "{}",
        host.log()
    );
    limit_data(&server, "unlimited");
    let (status, body) = compact(&server);
    assert_eq!(status, 500, "{body}");
    let line = "Consolidation cycle failed: pattern detection timeout";
    assert!(body["error"]["message"].as_str().unwrap().contains(line) && host.log().contains(line));
    assert!(is(&server, "engram_wal_records", 4000.0));
    assert!(checkpoints(&host).is_empty());
    server.kill();
    host.configure("[consolidation]\nmax_batch_size = 10\ncheck_interval_secs = 1\n");
    let server = host.start();
    // More records wait than one batch has, so they are due.
    assert!(
        wait_until(|| is(&server, "engram_wal_records", 0.0)),
        "{}",
        host.log()
    );
    assert_eq!(server.ids("default").len(), 4000);
}

fn limit_data(server: &Server, bytes: &str) {
    let limit = Command::new("prlimit")
        .args([
            &format!("--data={bytes}:"),
            &format!("--pid={}", server.child.id()),
        ])
        .status();
    assert!(limit.unwrap().success());
}
