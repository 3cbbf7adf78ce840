//! What is in RAM and what is not, as the operating system and the metrics see it; listeners; open files.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::instance::{Host, Server, wait_until};

const SMALLEST: &str = "[persistence]\nhot_capacity = 1000\n";

/// Stores memories `m0`, `m1`, … of a space over one connection.
fn fill(server: &Server, space: &str, count: usize, content: &str) {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    let mut answer = [0; 4096];
    for id in 0..count {
        let body = json!({ "id": format!("m{id}"), "content": content }).to_string();
        let request = format!(
            "POST /api/v1/memories/remember HTTP/1.1\r\nHost: localhost\r\nX-Memory-Space: {space}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let length = stream.read(&mut answer).unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 201"));
    }
}

/// The value of a metric of the space `default`, or without labels.
fn metric(server: &Server, name: &str) -> u64 {
    let text = server.get("/metrics/prometheus").body;
    let labelled = format!("{name}{{memory_space=\"default\"}} ");
    text.lines()
        .find_map(|line| {
            line.strip_prefix(&labelled)
                .or_else(|| line.strip_prefix(&format!("{name} ")))
        })
        .unwrap_or_else(|| panic!("no {name} in {text}"))
        .parse()
        .unwrap()
}

#[test]
fn what_does_not_fit_into_the_hot_tier_is_served_from_the_file_also_after_a_restart() {
    let host = Host::new();
    host.configure(SMALLEST);
    let server = host.start();
    fill(&server, "default", 1200, "a memory");
    server.kill();
    let server = host.start();
    let tier = |tier: &str| {
        let body = server
            .get(&format!("/api/v1/memories?limit=5000&tier={tier}"))
            .json();
        assert_eq!(
            body["tier_counts"],
            json!({ "hot": 1000, "warm": 0, "cold": 200, "total": 1200 })
        );
        body["count"].as_u64().unwrap()
    };
    assert_eq!(
        ["hot", "warm", "cold", "all"].map(tier),
        [1000, 0, 200, 1200]
    );
    assert_eq!(metric(&server, "engram_hot_tier_memories"), 1000);
    assert_eq!(metric(&server, "engram_hot_tier_capacity"), 1000);
    assert_eq!(metric(&server, "engram_cold_tier_memories"), 200);
    assert_eq!(metric(&server, "engram_hot_tier_misses_total"), 0);
    for id in ["m0", "m1", "m0"] {
        let answer = server.get(&format!("/api/v1/memories/{id}"));
        assert_eq!(answer.json()["content"], "a memory");
    }
    assert_eq!(metric(&server, "engram_hot_tier_misses_total"), 2);
    assert_eq!(metric(&server, "engram_hot_tier_hits_total"), 1);
    let health = server.get("/api/v1/system/health").json();
    assert_eq!(health["spaces"][0]["pressure"], 1.2);
    assert_eq!(server.ids("default").len(), 1200);
}

#[test]
fn a_smaller_hot_tier_takes_less_memory() {
    let host = Host::new();
    let server = host.start();
    fill(&server, "default", 2000, &"word ".repeat(2000));
    let large = metric(&server, "engram_process_anonymous_memory_bytes");
    assert!(large > 20_000_000, "{large}");
    assert_eq!(server.terminate(), Some(0));
    host.configure(SMALLEST);
    let server = host.start();
    let small = metric(&server, "engram_process_anonymous_memory_bytes");
    assert!(small < large * 4 / 5, "{small} after {large}");
    assert!(small < metric(&server, "process_resident_memory_bytes"));
    assert_eq!(server.ids("default").len(), 2000);
}

#[test]
fn a_listener_gets_what_is_stored_in_its_space_and_its_stream_ends_with_the_server() {
    let host = Host::new();
    let server = host.start();
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
        .write_all(
            b"GET /api/v1/stream/memories?space=tenant_a HTTP/1.1\r\nHost: localhost\r\n\r\n",
        )
        .unwrap();
    let mut head = [0; 1024];
    let length = stream.read(&mut head).unwrap();
    let head = String::from_utf8_lossy(&head[..length]).to_lowercase();
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    server.store("tenant_a", "seen");
    server.store("default", "other");
    assert_eq!(server.terminate(), Some(0));
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(
        text.contains("event: memory\ndata: {") && text.contains("\"memory_id\":\"seen\""),
        "{text}"
    );
    assert!(!text.contains("other"), "{text}");
    assert!(
        !host.log().contains("Requests still open"),
        "{}",
        host.log()
    );
}

#[test]
fn a_listener_that_does_not_read_costs_memory_until_it_goes() {
    let host = Host::new();
    let server = host.start();
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    stream
        .write_all(b"GET /api/v1/stream/memories HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    assert!(wait_until(
        || metric(&server, "engram_stream_subscribers") == 1
    ));
    let before = metric(&server, "engram_process_anonymous_memory_bytes");
    for _ in 0..300 {
        fill(&server, "default", 1, &"x".repeat(100_000));
    }
    let waiting = metric(&server, "engram_stream_queue_depth");
    assert!(waiting > 100, "{waiting}");
    let bytes = metric(&server, "engram_stream_queue_bytes");
    let grown = metric(&server, "engram_process_anonymous_memory_bytes").saturating_sub(before);
    assert!(grown > bytes / 2, "{grown} for {bytes} that wait");
    drop(stream);
    assert!(wait_until(|| {
        server.store("default", "next");
        metric(&server, "engram_stream_subscribers") == 0
    }));
    assert_eq!(metric(&server, "engram_stream_queue_depth"), 0);
}

#[test]
fn a_server_without_free_descriptors_says_so_and_goes_on_when_there_are_some() {
    let host = Host::new();
    let server = host.start();
    let limited = Command::new("prlimit")
        .args(["--nofile=32:32", "--pid", &server.child.id().to_string()])
        .status()
        .unwrap();
    assert!(limited.success());
    let held: Vec<TcpStream> = (0..40)
        .map(|_| TcpStream::connect(("127.0.0.1", server.port)).unwrap())
        .collect();
    let line = "ERROR axum::serve::listener: accept error: Too many open files (os error 24)";
    assert!(wait_until(|| host.log().contains(line)), "{}", host.log());
    drop(held);
    assert!(wait_until(|| server
        .try_send("GET", "/health/alive", &[], "")
        .is_ok_and(|answer| answer.status == 200)));
    server.store("default", "after");
}
