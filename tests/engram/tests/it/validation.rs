//! Numbers that are not finite: what they break, how they are kept out, and how they are repaired. And read-only mode.

use serde_json::{Value, json};

use crate::instance::{Answer, Host, Server};

const ON: &str = "[validation]\ncheck_finite_embeddings = true\ncheck_finite_confidence = true\n";
const REPAIR: &str = "clamp_invalid_values = true\nreplace_nan_with_zero = true\n";

/// A memory whose embedding is infinite as 32-bit numbers.
fn infinite(server: &Server, id: &str) -> Answer {
    let mut embedding = vec![0.5; 768];
    (embedding[3], embedding[700]) = (1e39, -1e300);
    remember(
        server,
        &json!({ "id": id, "content": "c", "confidence": 0.9, "embedding": embedding }),
    )
}

fn remember(server: &Server, body: &Value) -> Answer {
    let headers = ["Content-Type: application/json", "User-Agent: embedder/2.1"];
    server.send(
        "POST",
        "/api/v1/memories/remember",
        &headers,
        &body.to_string(),
    )
}

fn recognize(server: &Server) -> Answer {
    let mut embedding = vec![0.0; 768];
    embedding[3] = 1.0;
    server.post(
        "/api/v1/memories/recognize",
        &json!({ "embedding": embedding }),
    )
}

#[track_caller]
fn metric(server: &Server, line: &str) {
    let text = server.get("/metrics/prometheus").body;
    assert!(text.lines().any(|other| other == line), "{line}\n{text}");
}

/// The numbers at the two infinite places.
fn numbers(server: &Server, id: &str) -> [Value; 2] {
    let list = server
        .get("/api/v1/memories?include_embeddings=true")
        .json();
    let memories = list["memories"].as_array().unwrap();
    let memory = memories.iter().find(|memory| memory["id"] == id).unwrap();
    [
        memory["embedding"][3].clone(),
        memory["embedding"][700].clone(),
    ]
}

#[test]
fn an_infinite_number_is_kept_and_makes_comparisons_fail() {
    let host = Host::new();
    let server = host.start();
    let sound = json!({ "id": "sound", "content": "c", "embedding": vec![0.5; 768] });
    assert_eq!(remember(&server, &sound).status, 201);
    let answer = recognize(&server);
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    assert_eq!(
        (&answer["recognized"], &answer["memories"][0]["id"]),
        (&json!(false), &json!("sound"))
    );
    assert_eq!(infinite(&server, "bad").status, 201);
    metric(
        &server,
        "engram_nonfinite_embeddings{memory_space=\"default\"} 1",
    );
    metric(
        &server,
        "engram_nonfinite_writes_total{memory_space=\"default\",action=\"stored\"} 1",
    );
    server.kill();
    let server = host.start();
    assert_eq!(numbers(&server, "bad"), [Value::Null, Value::Null]);
    metric(
        &server,
        "engram_nonfinite_embeddings{memory_space=\"default\"} 1",
    );
    assert_eq!(
        server.get("/api/v1/system/health").json()["status"],
        "degraded"
    );
    let answer = recognize(&server);
    assert_eq!(answer.status, 500);
    assert_eq!(
        answer.json()["error"]["message"],
        "Serialization failed: NaN values in embeddings"
    );
    let log = host.log();
    logged(
        &log,
        &[
            "ERROR engram_core::query: Serialization failed: NaN values in embeddings",
            "memory=bad",
            "space=default",
        ],
    );
}

#[test]
fn the_log_names_the_client_that_sends_such_numbers() {
    let host = Host::new();
    let server = host.start();
    infinite(&server, "bad");
    let log = host.log();
    logged(
        &log,
        &[
            " WARN engram_core::validation: Invalid values stored",
            "memory=bad",
            "space=default",
        ],
    );
    logged(
        &log,
        &[
            "Processing remember request for memory 'bad'",
            "space=default",
            "client=127.0.0.1:",
            "agent=\"embedder/2.1\"",
        ],
    );
}

/// Is there a line with all of the words?
#[track_caller]
fn logged(log: &str, words: &[&str]) {
    let mut lines = log.lines();
    assert!(
        lines.any(|line| words.iter().all(|word| line.contains(word))),
        "{words:?}\n{log}"
    );
}

#[test]
fn with_checks_a_bad_number_is_refused_and_nothing_is_stored() {
    let host = Host::new();
    host.configure(ON);
    let server = host.start();
    let answer = infinite(&server, "bad");
    assert_eq!(answer.status, 422);
    let error = answer.json()["error"].clone();
    assert_eq!(error["code"], "MEMORY_VALIDATION_ERROR");
    assert_eq!(
        error["message"],
        "Validation failed: embedding of memory 'bad' holds 2 numbers that are not finite"
    );
    let answer = remember(&server, &json!({ "content": "c", "confidence": 1.5 }));
    assert_eq!(answer.status, 422);
    let message = "Invalid confidence interval: mean=1.500 not in range [0.000, 1.000]";
    assert_eq!(answer.json()["error"]["message"], message);
    assert!(server.ids("default").is_empty());
    metric(
        &server,
        "engram_nonfinite_writes_total{memory_space=\"default\",action=\"refused\"} 2",
    );
    assert_eq!(
        server.get("/api/v1/system/health").json()["validation"]["check_finite_embeddings"],
        true
    );
}

#[test]
fn with_repair_a_bad_number_is_sanitised_when_it_comes() {
    let host = Host::new();
    host.configure(&format!("{ON}{REPAIR}"));
    let server = host.start();
    assert_eq!(infinite(&server, "bad").status, 201);
    assert_eq!(numbers(&server, "bad"), [json!(1.0), json!(-1.0)]);
    let answer = remember(&server, &json!({ "content": "c", "confidence": 1.5 }));
    assert_eq!(answer.json()["storage_confidence"]["value"], 1.0);
    assert_eq!(recognize(&server).status, 200);
    metric(
        &server,
        "engram_nonfinite_writes_total{memory_space=\"default\",action=\"sanitised\"} 2",
    );
}

#[test]
fn what_is_stored_is_sanitised_at_the_start_for_good() {
    let host = Host::new();
    let server = host.start();
    infinite(&server, "bad");
    server.kill();
    host.configure(ON);
    let server = host.start();
    // Checks alone change nothing that is stored, but tell.
    metric(
        &server,
        "engram_nonfinite_embeddings{memory_space=\"default\"} 1",
    );
    assert!(
        host.log().contains("Invalid values are stored"),
        "{}",
        host.log()
    );
    server.kill();
    host.configure(&format!("{ON}{REPAIR}"));
    let server = host.start();
    assert_eq!(numbers(&server, "bad"), [json!(1.0), json!(-1.0)]);
    metric(
        &server,
        "engram_nonfinite_embeddings{memory_space=\"default\"} 0",
    );
    assert!(host.log().contains("Sanitised on load"), "{}", host.log());
    server.kill();
    host.configure("");
    let server = host.start();
    assert_eq!(numbers(&server, "bad"), [json!(1.0), json!(-1.0)]);
    assert_eq!(recognize(&server).status, 200);
}

#[test]
fn a_query_embedding_must_be_whole_and_finite() {
    let host = Host::new();
    let server = host.start();
    for embedding in [vec![0.5; 3], vec![1e39; 768]] {
        let answer = server.post(
            "/api/v1/memories/recognize",
            &json!({ "embedding": embedding }),
        );
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    let answer = recognize(&server).json();
    assert_eq!(
        answer,
        json!({ "recognized": false, "similarity": null, "memories": [] })
    );
}

#[test]
fn in_read_only_mode_everything_can_be_read_and_nothing_stored() {
    let host = Host::new();
    let server = host.start();
    server.store("default", "one");
    server.kill();
    let server = host.start_in(&[("ENGRAM_READONLY", "true")]);
    assert_eq!(server.ids("default"), ["one"]);
    assert_eq!(
        server.get("/api/v1/system/health").json()["read_only"],
        true
    );
    let answers = [
        server.try_store("default", "two").unwrap(),
        server.try_store("tenant_a", "two").unwrap(),
        server.post("/api/v1/memories", &json!({ "content": "c" })),
        server.post("/api/v1/spaces", &json!({ "id": "tenant_a" })),
        server.post("/api/v1/system/rebuild-indices", &json!({})),
        server.post("/api/v1/maintenance/compact", &json!({})),
    ];
    for answer in answers {
        assert_eq!(answer.status, 503, "{answer:?}");
        assert_eq!(answer.json()["error"]["code"], "READ_ONLY");
    }
    assert!(!host.path("data/tenant_a").exists());
    assert_eq!(server.ids("default"), ["one"]);
    assert!(
        host.log().contains("WARN engram: Read-only mode"),
        "{}",
        host.log()
    );
    server.kill();
    let server = host.start_in(&[("ENGRAM_READONLY", "false")]);
    server.store("default", "two");
    assert_eq!(
        server.get("/api/v1/system/health").json()["read_only"],
        false
    );
}
