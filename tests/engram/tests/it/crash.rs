//! What was acknowledged survives `kill -9` at any moment: of writes, of rotations, of consolidation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::instance::{Answer, Host, Server};

/// What the server has acknowledged: ids, and of ids that are stored again and again the last number.
#[derive(Default)]
struct Acknowledged {
    ids: BTreeSet<String>,
    latest: BTreeMap<String, u64>,
}

#[test]
fn nothing_acknowledged_is_lost_in_200_kills_under_load_and_consolidation() {
    // Ten data directories, so that there is little to read at each start; two at a time, for there are two processors.
    std::thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || (0..5).for_each(|number| kill_20_times(half * 5 + number)));
        }
    });
}

fn kill_20_times(number: u64) {
    let host = Host::new();
    // Small files and batches, so that each round meets many rotations, cycles and checkpoints.
    host.configure(
        "[persistence]\nwal_max_file_bytes = 4096\n[consolidation]\ncheck_interval_secs = 1\nidle_threshold_secs = 0\nmax_batch_size = 9\n",
    );
    let acknowledged = Mutex::default();
    for round in 0..20 {
        let server = host.start();
        check(&server, &acknowledged, round);
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for writer in 0..3 {
                let (server, acknowledged) = (&server, &acknowledged);
                scope.spawn(move || write(server, acknowledged, &format!("r{round}_w{writer}")));
            }
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let _killed = server.try_send("POST", "/api/v1/maintenance/compact", &[], "");
                }
            });
            // Not a wait for something: the moment of the kill, a different one in each round.
            std::thread::sleep(Duration::from_millis(3 + (round * 7 + number * 11) % 45));
            let killed = std::process::Command::new("kill")
                .args(["-9", &server.child.id().to_string()])
                .status();
            over.store(true, Ordering::Relaxed);
            assert!(killed.unwrap().success());
        });
        server.kill();
    }
    check(&host.start(), &acknowledged, 20);
    let stored = acknowledged.lock().unwrap().ids.len();
    assert!(stored > 20, "only {stored} memories in 20 rounds");
    let checkpoints = std::fs::read_dir(host.path("data/default/warm")).unwrap();
    assert!(checkpoints.count() > 0, "nothing was ever consolidated");
}

/// Stores new ids, and one id again and again, until the server goes away.
fn write(server: &Server, acknowledged: &Mutex<Acknowledged>, name: &str) {
    let is_stored = |answer: std::io::Result<Answer>| answer.is_ok_and(|it| it.status == 201);
    let rewritten = name.rsplit('_').next().unwrap().to_owned();
    for number in 0.. {
        let id = format!("{name}_{number}");
        if !is_stored(server.try_store("default", &id)) {
            return;
        }
        let latest = {
            let mut acknowledged = acknowledged.lock().unwrap();
            acknowledged.ids.insert(id);
            acknowledged.latest.get(&rewritten).copied().unwrap_or(0) + 1
        };
        let body = json!({ "id": rewritten, "content": latest.to_string() }).to_string();
        let headers = ["Content-Type: application/json"];
        if !is_stored(server.try_send("POST", "/api/v1/memories/remember", &headers, &body)) {
            return;
        }
        acknowledged
            .lock()
            .unwrap()
            .latest
            .insert(rewritten.clone(), latest);
    }
}

fn check(server: &Server, acknowledged: &Mutex<Acknowledged>, round: u64) {
    let there: BTreeSet<String> = server.ids("default").into_iter().collect();
    let acknowledged = acknowledged.lock().unwrap();
    let missing: Vec<_> = acknowledged.ids.difference(&there).collect();
    assert!(missing.is_empty(), "round {round} lost {missing:?}");
    for (id, latest) in &acknowledged.latest {
        let memory = server.get(&format!("/api/v1/memories/{id}")).json();
        let content: u64 = memory["content"].as_str().unwrap().parse().unwrap();
        // A write that the kill has kept from being acknowledged may be there.
        assert!(
            content == *latest || content == latest + 1,
            "round {round}: {id} is {content}, not {latest}"
        );
    }
}
