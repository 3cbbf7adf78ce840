//! Tenants do not see each other, and one that is broken does not stop the others.

use serde_json::json;

use crate::instance::Host;

#[test]
fn a_memory_is_in_its_space_only() {
    let host = Host::new();
    let server = host.start();
    server.store("tenant_a", "contract_7");
    server.store("tenant_b", "invoice_12");
    assert_eq!(
        server
            .get_in("tenant_a", "/api/v1/memories/contract_7")
            .status,
        200
    );
    assert_eq!(
        server
            .get_in("tenant_b", "/api/v1/memories/contract_7")
            .status,
        404
    );
    assert_eq!(server.get("/api/v1/memories/contract_7").status, 404);
    assert_eq!(server.ids("tenant_b"), ["invoice_12"]);
    for path in [
        "/api/v1/memories/recall?query=contract_7",
        "/api/v1/memories/search?query=contract_7",
    ] {
        assert!(
            !server
                .get_in("tenant_b", path)
                .body
                .contains("memory contract_7")
        );
        assert!(
            server
                .get_in("tenant_a", path)
                .body
                .contains("memory contract_7")
        );
    }
}

#[test]
fn header_before_query_before_body_before_default() {
    let host = Host::new();
    let server = host.start();
    let body = json!({ "id": "x", "content": "c", "memory_space_id": "from_body" }).to_string();
    let json = "Content-Type: application/json";
    let remember = "/api/v1/memories/remember";
    server.send("POST", remember, &[json], &body);
    server.send(
        "POST",
        &format!("{remember}?space=from_query"),
        &[json],
        &body,
    );
    server.send(
        "POST",
        &format!("{remember}?space=from_query2"),
        &[json, "X-Memory-Space: from_header"],
        &body,
    );
    for space in ["from_body", "from_query", "from_header"] {
        assert_eq!(server.ids(space), ["x"], "{space}");
    }
    assert!(server.ids("from_query2").is_empty());
    assert!(server.ids("default").is_empty());
}

#[test]
fn a_data_request_makes_a_space_but_a_query_does_not() {
    let host = Host::new();
    let server = host.start();
    let query = json!({ "query_text": "RECALL probe", "memory_space_id": "tenant_a" });
    let answer = server.post("/api/v1/query", &query);
    assert_eq!(answer.status, 404);
    assert_eq!(answer.json()["error"]["code"], "RESOURCE_NOT_FOUND");
    assert_eq!(
        answer.json()["error"]["message"],
        "Memory space 'tenant_a' not found"
    );
    assert!(!host.path("data/tenant_a").exists());
    assert_eq!(server.get_in("tenant_a", "/api/v1/memories/x").status, 404);
    assert!(host.path("data/tenant_a/wal").exists());
    assert_eq!(server.post("/api/v1/query", &query).status, 200);
}

#[test]
fn after_a_restart_only_bootstrap_spaces_are_open_until_they_are_asked_for() {
    let host = Host::new();
    let server = host.start();
    server.store("tenant_a", "a");
    server.store("tenant_b", "b");
    server.kill();
    host.configure("[memory_spaces]\nbootstrap_spaces = [\"tenant_b\"]\n");
    let server = host.start();
    let listed = |server: &crate::instance::Server| {
        let body = server.get("/api/v1/spaces").json();
        let ids = body["spaces"].as_array().unwrap().iter();
        ids.map(|space| space["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(listed(&server), ["default", "tenant_b"]);
    assert_eq!(
        server
            .post("/api/v1/spaces", &json!({ "id": "tenant_a" }))
            .status,
        201
    );
    assert_eq!(listed(&server), ["default", "tenant_a", "tenant_b"]);
    assert_eq!(server.ids("tenant_a"), ["a"]);
}

#[test]
fn bad_ids_are_400_and_touch_nothing() {
    let host = Host::new();
    let server = host.start();
    for id in ["ab", "Tenant", "../../etc", "a b c"] {
        let answer = server.get_in(id, "/api/v1/memories");
        assert_eq!(answer.status, 400, "{id}: {answer:?}");
        assert_eq!(
            server.post("/api/v1/spaces", &json!({ "id": id })).status,
            400,
            "{id}"
        );
    }
    let directories = std::fs::read_dir(host.path("data")).unwrap().count();
    assert_eq!(directories, 3, "default and two lock files");
}

#[test]
fn a_broken_space_is_500_the_rest_works_and_it_can_be_repaired_without_a_restart() {
    let host = Host::new();
    let server = host.start();
    server.store("tenant_a", "contract_7");
    server.store("tenant_b", "invoice_12");
    server.kill();
    let wal = host.path("data/tenant_a/wal");
    std::fs::rename(&wal, host.path("away")).unwrap();
    std::fs::write(&wal, "in its place").unwrap();

    let server = host.start();
    let answer = server.get_in("tenant_a", "/api/v1/memories/contract_7");
    assert_eq!(answer.status, 500);
    let message = answer.json()["error"]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    let expected =
        "Failed to access memory space: Failed to initialise memory store for space 'tenant_a'";
    assert!(message.starts_with(expected), "{message}");
    let error = host.log().lines().any(|line| {
        line.contains("ERROR")
            && line.contains("Failed to initialise memory store for space 'tenant_a'")
    });
    assert!(error, "{}", host.log());
    assert_eq!(server.ids("tenant_b"), ["invoice_12"]);
    assert_eq!(server.get("/health").status, 200);
    let unavailable = "engram_space_unavailable{memory_space=\"tenant_a\"} ";
    assert!(
        server
            .get("/metrics/prometheus")
            .body
            .contains(&format!("{unavailable}1\n"))
    );

    std::fs::remove_file(&wal).unwrap();
    std::fs::rename(host.path("away"), &wal).unwrap();
    assert_eq!(
        server
            .post("/api/v1/spaces", &json!({ "id": "tenant_a" }))
            .status,
        201
    );
    assert_eq!(server.ids("tenant_a"), ["contract_7"]);
    assert!(
        server
            .get("/metrics/prometheus")
            .body
            .contains(&format!("{unavailable}0\n"))
    );
}

#[test]
fn a_damaged_log_of_a_tenant_counts_as_a_failed_recovery() {
    let host = Host::new();
    let server = host.start();
    server.store("tenant_a", "contract_7");
    server.kill();
    let file = host.wal("tenant_a").remove(0);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[100] ^= 0xff;
    std::fs::write(&file, bytes).unwrap();
    let server = host.start();
    assert_eq!(server.get_in("tenant_a", "/api/v1/memories").status, 500);
    let metrics = server.get("/metrics/prometheus").body;
    assert!(
        metrics.contains("engram_wal_recovery_failures_total 1\n"),
        "{metrics}"
    );
    assert!(metrics.contains("engram_memory_operations_total{memory_space=\"tenant_a\",operation=\"list\",status=\"error\"} 1\n"));
}

#[test]
fn directories_with_other_names_are_no_spaces() {
    let host = Host::new();
    std::fs::create_dir_all(host.path("data/lost+found")).unwrap();
    let server = host.start();
    assert!(
        host.log()
            .contains("skipping directory with invalid space ID"),
        "{}",
        host.log()
    );
    assert!(
        !server
            .get("/metrics/prometheus")
            .body
            .contains("lost+found")
    );
}

#[test]
fn the_command_line_honours_its_space() {
    let host = Host::new();
    let _server = host.start();
    assert!(
        host.engram(&[
            "memory", "--space", "tenant_a", "create", "a text", "--id", "m1"
        ])
        .status
        .success()
    );
    let listed = host.engram(&["memory", "list", "--space", "tenant_a"]);
    assert_eq!(crate::instance::stdout(&listed), "m1\ta text\n");
    assert_eq!(host.engram(&["memory", "get", "m1"]).status.code(), Some(1));
    assert!(
        host.engram(&["space", "create", "tenant_c"])
            .status
            .success()
    );
    assert!(crate::instance::stdout(&host.engram(&["space", "list"])).contains("tenant_c"));
}

#[test]
fn who_asks_for_what_is_not_there_is_in_the_log_and_writes_no_line_of_its_own() {
    let host = Host::new();
    let server = host.start();
    let forged = "/api/v1/memories/a%0A2026%20ERROR%20forged";
    assert_eq!(server.get("/api/v1/memories/session_abc").status, 404);
    assert_eq!(server.get(forged).status, 404);
    let query = json!({ "query_text": "RECALL a", "memory_space_id": "tenant_x" });
    assert_eq!(server.post("/api/v1/query", &query).status, 404);
    let log = host.log();
    for line in [
        "ERROR engram_core::graph: Memory node 'session_abc' not found in graph\n",
        "ERROR engram_core::graph: Memory node 'a?2026 ERROR forged' not found in graph\n",
        "ERROR engram_core::registry: Memory space 'tenant_x' not found\n",
    ] {
        assert!(log.contains(line), "{line}{log}");
    }
    assert!(!log.contains("DEBUG"), "{log}");
}
