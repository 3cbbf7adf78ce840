//! The routes for those who look into the server: its description, what it knows of itself, a recall that is tried out,
//! and episodes.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::instance::{Host, Server};

const ROUTER: &str = include_str!("../../src/http/mod.rs");

/// The status alone: a stream has no end to wait for.
fn status(server: &Server, method: &str, path: &str, body: &str) -> u16 {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n");
    let request = format!(
        "{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut line = [0; 12];
    stream.read_exact(&mut line).unwrap();
    String::from_utf8_lossy(&line[9..]).parse().unwrap()
}

/// METHOD and path of each route in the source of the router.
fn routes_of_the_router() -> BTreeSet<(String, String)> {
    let mut routes = BTreeSet::new();
    for call in ROUTER.split(".route(").skip(1) {
        let (_, rest) = call.split_once('"').unwrap();
        let (path, rest) = rest.split_once('"').unwrap();
        let rest = rest
            .split_once(".with_state")
            .map_or(rest, |(rest, _)| rest);
        for method in ["get", "post", "delete", "put", "patch"] {
            if rest.contains(&format!(" {method}(")) || rest.contains(&format!(".{method}(")) {
                routes.insert((method.to_owned(), path.to_owned()));
            }
        }
    }
    routes
}

#[test]
fn the_description_is_true() {
    let host = Host::new();
    let server = host.start();
    server.store("default", "example");
    let document = server.get("/api-docs/openapi.json").json();
    assert_eq!(document["openapi"], "3.0.3");
    let mut described = BTreeSet::new();
    let mut stop = None;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            described.insert((method.clone(), path.clone()));
            if path == "/shutdown" {
                stop = Some(operation);
                continue;
            }
            is_answered_as_described(&server, method, path, operation);
        }
    }
    let routes = routes_of_the_router();
    assert!(routes.len() > 20, "{routes:?}");
    assert_eq!(
        described, routes,
        "src/http/openapi.rs must describe what src/http/mod.rs routes"
    );
    is_answered_as_described(&server, "post", "/shutdown", stop.unwrap());
}

/// The example of a route has the first of its statuses.
#[track_caller]
fn is_answered_as_described(server: &Server, method: &str, path: &str, operation: &Value) {
    let parameters = operation["parameters"].as_array().unwrap();
    let query: Vec<String> = parameters
        .iter()
        .filter(|parameter| parameter["in"] == "query")
        .map(|parameter| {
            let (name, example) = (&parameter["name"], &parameter["example"]);
            format!("{}={}", name.as_str().unwrap(), example.as_str().unwrap())
        })
        .collect();
    let url = format!("{}?{}", path.replace("{id}", "example"), query.join("&"));
    let body = &operation["requestBody"]["content"]["application/json"]["example"];
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let answered = status(server, &method.to_uppercase(), &url, &body);
    let success = operation["responses"].as_object().unwrap().keys().next();
    assert_eq!(answered.to_string(), *success.unwrap(), "{method} {url}");
}

#[test]
fn introspection_counts_what_there_is() {
    let host = Host::new();
    let server = host.start();
    let before = server.get("/api/v1/system/introspect").json();
    assert_eq!(
        before["performance_metrics"]["avg_recall_time_ms"],
        Value::Null
    );
    server.store("default", "a");
    server.store("tenant_a", "b");
    assert_eq!(
        server.get("/api/v1/memories/recall?query=memory").status,
        200
    );
    let body = server.get("/api/v1/system/introspect").json();
    assert_eq!(
        (
            &body["memory_statistics"]["total_nodes"],
            &body["memory_statistics"]["spaces"]
        ),
        (&json!(2), &json!(2))
    );
    assert_eq!(body["system_processes"]["pid"], server.child.id());
    let performance = &body["performance_metrics"];
    assert_eq!(performance["operations"]["remember"]["count"], 2);
    let recall = performance["avg_recall_time_ms"].as_f64().unwrap();
    assert!(recall > 0.0 && recall < 20_000.0, "{recall}");
    assert_eq!(performance["operations"]["recall"]["avg_time_ms"], recall);
}

#[test]
fn the_spreading_check_recalls_a_memory_of_each_space() {
    let host = Host::new();
    let server = host.start();
    let empty = server.get("/health/spreading");
    assert_eq!(
        (empty.status, &empty.json()["name"]),
        (200, &json!("spreading"))
    );
    server.store("default", "a");
    server.store("tenant_a", "b");
    let body = server.get("/health/spreading").json();
    assert_eq!(
        (&body["status"], &body["type"]),
        (&json!("healthy"), &json!("spreading"))
    );
    let message = body["message"].as_str().unwrap();
    assert!(
        message.starts_with("a memory of each of 2 spaces was recalled"),
        "{message}"
    );
    assert_eq!(body["consecutive_successes"], 2);
    // Polling it, which makes the real server unhealthy, does not.
    for _ in 0..50 {
        assert_eq!(server.get("/health/spreading").status, 200);
    }
}

#[test]
fn an_episode_is_found_by_each_of_its_answers() {
    let host = Host::new();
    let server = host.start();
    let episode = json!({
        "id": "outage", "when": "2026-11-25T03:00:00Z", "what": "The disk was full.",
        "where_location": "rack 7", "who": ["Ada", "Grace"], "why": "a forgotten export",
        "how": "slowly", "importance": 0.9, "memory_space_id": "tenant_a",
    });
    let answer = server.post("/api/v1/episodes/remember", &episode);
    assert_eq!(answer.status, 201, "{answer:?}");
    let stored = answer.json();
    assert_eq!(
        (
            &stored["memory_id"],
            &stored["observed_at"],
            &stored["storage_confidence"]["value"]
        ),
        (
            &json!("outage"),
            &json!("2026-11-25T03:00:00Z"),
            &json!(0.9)
        )
    );
    drop(server);
    let server = host.start();
    for word in [
        "disk",
        "rack",
        "Grace",
        "export",
        "slowly",
        "2026-11-25T03:00:00Z",
    ] {
        let found = server.get_in("tenant_a", &format!("/api/v1/memories/search?query={word}"));
        assert_eq!(found.json()["memories"][0]["id"], "outage", "{word}");
    }
    for (body, status) in [
        (json!({ "what": "no time" }), 422),
        (json!({ "when": "yesterday", "what": "w" }), 422),
        (json!({ "when": "2026-11-25T03:00:00Z", "what": " " }), 400),
        (
            json!({ "when": "2026-11-25T03:00:00Z", "what": "w", "embedding": [1] }),
            400,
        ),
    ] {
        let answer = server.post("/api/v1/episodes/remember", &body);
        assert_eq!(answer.status, status, "{body}: {answer:?}");
    }
    assert_eq!(server.ids("tenant_a"), ["outage"]);
}
