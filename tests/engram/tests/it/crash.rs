//! What was acknowledged survives `kill -9` at any moment.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use crate::instance::Host;

#[test]
fn nothing_acknowledged_is_lost_in_20_kills_under_load() {
    let host = Host::new();
    let acknowledged = Mutex::new(BTreeSet::new());
    for round in 0..20_u64 {
        let server = host.start();
        let there: BTreeSet<String> = server.ids("default").into_iter().collect();
        let missing: Vec<_> = acknowledged
            .lock()
            .unwrap()
            .difference(&there)
            .cloned()
            .collect();
        assert!(missing.is_empty(), "round {round} lost {missing:?}");
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let (server, acknowledged) = (&server, &acknowledged);
                scope.spawn(move || {
                    for number in 0.. {
                        let id = format!("r{round}_w{writer}_{number}");
                        match server.try_store("default", &id) {
                            Ok(answer) if answer.status == 201 => {
                                acknowledged.lock().unwrap().insert(id)
                            }
                            _ => return,
                        };
                    }
                });
            }
            // Not a wait for something: the moment of the kill, a different one in each round.
            std::thread::sleep(Duration::from_millis(5 + round * 7 % 40));
            let killed = std::process::Command::new("kill")
                .args(["-9", &server.child.id().to_string()])
                .status();
            assert!(killed.unwrap().success());
        });
        server.kill();
    }
    let there: BTreeSet<String> = host.start().ids("default").into_iter().collect();
    assert!(acknowledged.lock().unwrap().is_subset(&there));
    assert!(
        there.len() > 20,
        "only {} memories were stored in 20 rounds",
        there.len()
    );
}
