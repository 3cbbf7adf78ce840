//! Routes, statuses and bodies as the contract has them.

use serde_json::json;

use crate::instance::{Host, Server};

#[track_caller]
fn refused(server: &Server, method: &str, path: &str, status: u16) {
    let answer = server.send(method, path, &[], "");
    assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
}

#[test]
fn unknown_paths_and_wrong_methods_have_empty_bodies() {
    let host = Host::new();
    let server = host.start();
    for path in ["/api/v1/nothing", "/api/v1/spaces/create", "/ready"] {
        refused(&server, "POST", path, 404);
        assert_eq!(server.get(path).body, "");
    }
    refused(&server, "PUT", "/api/v1/spaces", 405);
    assert_eq!(server.get("/api/v1/query?cue=test").status, 405);
    assert_eq!(server.get("/api/v1/query?cue=test").body, "");
    refused(&server, "GET", "/api/v1/memories?tier=lukewarm", 400);
}

#[test]
fn wrong_bodies_have_the_statuses_of_the_real_server_and_store_nothing() {
    let host = Host::new();
    let server = host.start();
    let remember = "/api/v1/memories/remember";
    refused(&server, "POST", remember, 415);
    let cases = [
        (remember, "{bad", 400),
        (remember, r#"{"id":"x"}"#, 422),
        (remember, r#"{"content":"c","confidence":NaN}"#, 400),
        (remember, r#"{"content":"c","confidence":1e400}"#, 400),
        (remember, r#"{"content":"c","embedding":[0.1]}"#, 400),
        (remember, r#"{"content":""}"#, 400),
        ("/api/v1/memories", r#"{"confidence":1}"#, 400),
        ("/api/v1/spaces", r#"{"space_id":"tenant_a"}"#, 422),
    ];
    for (path, body, status) in cases {
        let answer = server.send("POST", path, &["Content-Type: application/json"], body);
        assert_eq!(answer.status, status, "{path} {body}: {answer:?}");
    }
    assert!(server.ids("default").is_empty());
}

#[test]
fn infinite_embeddings_are_stored_unless_validation_is_on_and_confidence_is_clamped() {
    let host = Host::new();
    let server = host.start();
    let mut embedding = vec![json!(0.5); 768];
    let body = |embedding: &[serde_json::Value]| json!({ "id": "e", "content": "c", "confidence": 7.5, "embedding": embedding });
    assert_eq!(
        server
            .post("/api/v1/memories/remember", &body(&embedding))
            .status,
        201
    );
    assert_eq!(server.get("/api/v1/memories/e").json()["confidence"], 1.0);
    embedding[3] = json!(1e39);
    assert_eq!(
        server
            .post("/api/v1/memories/remember", &body(&embedding))
            .status,
        201
    );
    let listed = server
        .get("/api/v1/memories?include_embeddings=true")
        .json();
    assert_eq!(
        listed["memories"][0]["embedding"].as_array().unwrap().len(),
        768
    );
    assert!(listed["memories"][0]["embedding"][3].is_null());
}

#[test]
fn bodies_have_the_fields_of_the_contract() {
    let host = Host::new();
    let server = host.start();
    let stored = server
        .post("/api/v1/memories", &json!({ "content": "a night shift" }))
        .json();
    let id = stored["memory_id"].as_str().unwrap().to_owned();
    assert_eq!(
        stored["storage_confidence"],
        json!({ "value": 0.7, "category": "Medium", "reasoning": stored["storage_confidence"]["reasoning"] })
    );
    let listed = server.get("/api/v1/memories").json();
    assert_eq!(
        listed["pagination"],
        json!({ "offset": 0, "limit": 100, "returned": 1 })
    );
    assert_eq!(
        listed["tier_counts"],
        json!({ "hot": 1, "warm": 0, "cold": 0, "total": 1 })
    );
    assert_eq!(
        server.get(&format!("/api/v1/memories/{id}")).json()["memory_type"],
        "episodic"
    );
    let found = server
        .post("/api/v1/query", &json!({ "query_text": "RECALL night" }))
        .json();
    assert_eq!(
        (&found["total_count"], &found["episodes"][0]["id"]),
        (&json!(1), &json!(id))
    );
    let missing = server.get("/api/v1/memories/nothing");
    assert_eq!(
        (missing.status, &missing.json()["error"]["code"]),
        (404, &json!("MEMORY_NOT_FOUND"))
    );
    assert_eq!(
        server
            .send("DELETE", &format!("/api/v1/memories/{id}"), &[], "")
            .json()["status"],
        "not_supported"
    );
    assert_eq!(server.ids("default"), [id]);
}

#[test]
fn health_in_all_its_forms() {
    let host = Host::new();
    let server = host.start();
    let health = server.get("/health");
    assert_eq!(
        (health.status, &health.json()["status"]),
        (200, &json!("healthy"))
    );
    let alive = server.get("/health/alive");
    assert_eq!((alive.status, alive.body.as_str()), (200, ""));
    let system = server.get("/api/v1/system/health").json();
    assert_eq!(system["spaces"][0]["space"], "default");
    assert!(
        system["checks"]
            .as_array()
            .unwrap()
            .iter()
            .all(|check| check["status"] == "healthy"),
        "{system}"
    );
    assert_eq!(
        server.get("/api/v1/system/health?space=default").status,
        200
    );
    assert_eq!(
        server.get("/api/v1/system/health?space=tenant_zz").status,
        404
    );
}

#[test]
fn metrics_are_json_or_text() {
    let host = Host::new();
    let server = host.start();
    server.store("default", "m");
    assert_eq!(
        server.get("/metrics").json()["snapshot"]["schema_version"],
        "1.1.0"
    );
    for answer in [
        server.send("GET", "/metrics", &["Accept: text/plain"], ""),
        server.get("/metrics/prometheus"),
    ] {
        assert!(
            answer
                .head
                .contains("content-type: text/plain; version=0.0.4"),
            "{}",
            answer.head
        );
        check_exposition(&answer.body);
    }
}

/// Every sample is a number of a family that was announced with a type, once.
fn check_exposition(text: &str) {
    let mut families = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let family = rest.split(' ').next().unwrap().to_owned();
            assert!(!families.contains(&family), "{family} twice");
            families.push(family);
        } else if !line.starts_with('#') {
            let (series, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
            let name = series.split('{').next().unwrap();
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|suffix| name.strip_suffix(suffix));
            assert!(
                families
                    .iter()
                    .any(|family| family == name || Some(family.as_str()) == base),
                "{line}"
            );
        }
    }
    let wanted = [
        "engram_wal_recovery_failures_total 0\n",
        "engram_wal_recovery_successes_total 1\n",
        "engram_wal_recovery_duration_seconds_count 1\n",
        "engram_memory_operations_total{memory_space=\"default\",operation=\"remember\",status=\"ok\"} 1\n",
        "engram_memory_operation_duration_seconds_bucket{operation=\"remember\",le=\"+Inf\"} 1\n",
        "engram_wal_lag_seconds{memory_space=\"default\"} 0\n",
        "engram_wal_files{memory_space=\"default\"} 1\n",
        "engram_wal_records{memory_space=\"default\"} 1\n",
        "engram_consolidation_failures_total{reason=\"timeout\"} 0\n",
        "engram_consolidation_enabled 1\n",
        "engram_data_disk_free_bytes ",
        "engram_space_unavailable{memory_space=\"default\"} 0\n",
        "engram_space_memories{memory_space=\"default\"} 1\n",
        "engram_spaces 1\n",
        "engram_build_info{version=\"0.1.0\"} 1\n",
        "process_start_time_seconds ",
    ];
    for sample in wanted {
        assert!(text.contains(sample), "{sample}: {text}");
    }
}

#[test]
fn shutdown_answers_and_then_ends_with_status_0() {
    let host = Host::new();
    let mut server = host.start();
    let answer = server.send("POST", "/shutdown", &[], "");
    assert_eq!(
        (answer.status, &answer.json()["status"]),
        (200, &json!("shutdown_initiated"))
    );
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}
