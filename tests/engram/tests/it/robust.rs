//! What bad, slow and many clients do to the server: each gets its answer, and the server lives on.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::instance::{Host, Server};

const REMEMBER: &str = "/api/v1/memories/remember";
/// Bodies up to here are read.
const BODY_LIMIT: usize = 2 * 1024 * 1024;

/// Numbers that look random and are the same in each run (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.roll() % limit as u64).unwrap()
    }
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
}

/// Sends bytes, says that there are no more, and returns the status, or `None` if the server just closes.
fn status_of(server: &Server, bytes: &[u8]) -> Option<u16> {
    let mut stream = connect(server);
    // The server may close before it has read everything.
    let _sent = stream.write_all(bytes);
    let _closed = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer);
    let head = String::from_utf8_lossy(&answer).into_owned();
    let status = head
        .strip_prefix("HTTP/1.1 ")
        .or(head.strip_prefix("HTTP/1.0 "))?;
    status.get(..3)?.parse().ok()
}

/// As `status_of`, for requests that are refused before they have been read: the answer is lost when the server closes
/// a connection with unread bytes, so this asks again until one arrives.
fn status_of_refused(server: &Server, bytes: &[u8]) -> Option<u16> {
    (0..50).find_map(|_| status_of(server, bytes))
}

#[track_caller]
fn is_well(server: &Server) {
    assert_eq!(server.get("/health").status, 200);
    server.store("default", "afterwards");
    assert_eq!(server.get("/api/v1/memories/afterwards").status, 200);
}

#[test]
fn what_is_not_http_is_refused() {
    let host = Host::new();
    let server = host.start();
    let cases: [&[u8]; 9] = [
        b"",
        b"\0\0\0\0\0\0\0\0",
        b"hello\r\n\r\n",
        b"GET /health\r\n\r\n",
        b"GET /health HTTP/9.9\r\n\r\n",
        b"GET  /health  HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost : x\r\n bad\r\n\r\n",
        b"POST /api/v1/memories/remember HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ];
    for bytes in cases {
        let status = status_of(&server, bytes);
        assert!(
            status.is_none_or(|status| (400..500).contains(&status)),
            "{status:?}: {}",
            String::from_utf8_lossy(bytes)
        );
    }
    is_well(&server);
}

/// Valid requests with some bytes changed, cut or added: never a 5xx, and never a memory that nobody sent.
#[test]
fn damaged_requests_never_harm_the_server() {
    let host = Host::new();
    let server = host.start();
    let body =
        json!({ "id": "damaged", "content": "a text", "confidence": 0.5, "embedding": [0.25, 0.5, 0.75, 1.0] })
            .to_string();
    let request = format!(
        "POST {REMEMBER} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nX-Memory-Space: default\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    for round in 0..400 {
        let mut bytes = request.clone().into_bytes();
        for _ in 0..=dice.below(4) {
            let at = dice.below(bytes.len());
            match dice.below(3) {
                0 => bytes[at] = u8::try_from(dice.below(256)).unwrap(),
                1 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, u8::try_from(dice.below(256)).unwrap()),
            }
        }
        let status = status_of(&server, &bytes);
        // Four numbers are no embedding, so that nothing of this may be stored unless the damage hits that very word.
        assert!(
            status.is_none_or(|status| status == 201 || (400..500).contains(&status)),
            "round {round}: {status:?}: {}",
            String::from_utf8_lossy(&bytes)
        );
    }
    is_well(&server);
}

/// Any JSON that is not a memory is 400 or 422, whatever its shape and depth.
#[test]
fn any_other_json_is_refused_and_stores_nothing() {
    let host = Host::new();
    let server = host.start();
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let long = format!(r#"{{"content":"c","confidence":{}}}"#, "9".repeat(4000));
    let cases = [
        "null",
        "true",
        "[]",
        "{}",
        "0",
        "\"text\"",
        r#"{"content":null}"#,
        r#"{"content":7}"#,
        r#"{"content":["a"]}"#,
        r#"{"content":"  "}"#,
        r#"{"content":"c","content":"d"}"#,
        r#"{"content":"c","id":7}"#,
        r#"{"content":"c","tags":"a"}"#,
        r#"{"content":"c","embedding":{}}"#,
        r#"{"content":"c","embedding":[null]}"#,
        r#"{"content":"c","confidence":"high"}"#,
        r#"{"content":"c","memory_space_id":"UPPER"}"#,
        r#"{"content":"c","memory_space_id":"../etc"}"#,
        "{\"content\":\"\u{1}\"}",
        r#"{"content":"\ud800"}"#,
        r#"{"content":"c"} trailing"#,
        "\u{feff}{\"content\":\"c\"}",
        &deep,
        &long,
    ];
    for body in cases {
        let answer = server.send("POST", REMEMBER, &["Content-Type: application/json"], body);
        assert!(
            answer.status == 400 || answer.status == 422,
            "{}: {answer:?}",
            &body[..body.len().min(60)]
        );
    }
    assert!(server.ids("default").is_empty());
    is_well(&server);
}

#[test]
fn bodies_have_a_limit_and_paths_and_headers_have_one_too() {
    let host = Host::new();
    let server = host.start();
    let memory = |size: usize| json!({ "id": "big", "content": "x".repeat(size) }).to_string();
    let json_type = ["Content-Type: application/json"];
    let fits = memory(BODY_LIMIT - 100);
    assert_eq!(server.send("POST", REMEMBER, &json_type, &fits).status, 201);
    let head = format!(
        "POST {REMEMBER} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
    );
    let too_big = memory(BODY_LIMIT + 100);
    let request = format!("{head}Content-Length: {}\r\n\r\n{too_big}", too_big.len());
    assert_eq!(status_of_refused(&server, request.as_bytes()), Some(413));
    // A length is only a promise: what was not sent is missing.
    let huge = format!("{head}Content-Length: 99999999999999\r\n\r\n{{");
    assert_eq!(status_of(&server, huge.as_bytes()), Some(400));
    let mut chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    for _ in 0..(BODY_LIMIT / 65536 + 2) {
        chunked.extend_from_slice(b"10000\r\n");
        chunked.extend(std::iter::repeat_n(b'x', 65536));
        chunked.extend_from_slice(b"\r\n");
    }
    assert_eq!(status_of_refused(&server, &chunked), Some(413));
    let path = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(100_000));
    assert!(matches!(
        status_of_refused(&server, path.as_bytes()),
        Some(404 | 414 | 431)
    ));
    let header = format!(
        "GET /health HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n",
        "a".repeat(1_000_000)
    );
    assert!(matches!(
        status_of(&server, header.as_bytes()),
        Some(431) | None
    ));
    is_well(&server);
}

#[test]
fn methods_and_paths_are_answered_as_the_contract_says() {
    let host = Host::new();
    let server = host.start();
    for method in ["PUT", "PATCH", "DELETE", "TRACE", "BREW"] {
        for path in [REMEMBER, "/api/v1/spaces", "/health", "/api/v1/query"] {
            let answer = server.send(method, path, &[], "");
            assert_eq!(
                (answer.status, answer.body.as_str()),
                (405, ""),
                "{method} {path}"
            );
        }
    }
    for path in [
        "/",
        "//health",
        "/health/",
        "/HEALTH",
        "/api/v1/memories/",
        "/api/v1/memories/a/b",
        "/api/v1/../../etc/passwd",
        "/api/v1/system/info",
        "/api/v1/admin/x",
        "/%00",
    ] {
        let answer = server.get(path);
        assert_eq!((answer.status, answer.body.as_str()), (404, ""), "{path}");
    }
    // An id is data, not a path.
    for id in ["%2e%2e%2f%2e%2e%2fetc%2fpasswd", "a%20b", "%F0%9F%92%A1"] {
        let answer = server.get(&format!("/api/v1/memories/{id}"));
        assert_eq!(answer.json()["error"]["code"], "MEMORY_NOT_FOUND", "{id}");
    }
    assert_eq!(server.get("/api/v1/memories/%FF").status, 400);
    is_well(&server);
}

#[test]
fn content_types_and_queries_are_answered_as_the_contract_says() {
    let host = Host::new();
    let server = host.start();
    let body = r#"{"content":"c"}"#;
    for (header, status) in [
        ("Content-Type: text/plain", 415),
        ("Content-Type: application/x-www-form-urlencoded", 415),
        ("Content-Type: nonsense", 415),
        ("Content-Type: application/json; charset=utf-8", 201),
        ("Content-Type: APPLICATION/JSON", 201),
        ("Content-Type: application/vnd.engram+json", 201),
    ] {
        let answer = server.send("POST", REMEMBER, &[header], body);
        assert_eq!(answer.status, status, "{header}: {answer:?}");
    }
    for (query, status) in [
        ("limit=-1", 400),
        ("limit=many", 400),
        ("limit=99999999999999999999999", 400),
        (
            "offset=18446744073709551615&limit=18446744073709551615",
            200,
        ),
        ("limit=0", 200),
        ("space=UPPER", 400),
        ("space=a%00b", 400),
        ("include_embeddings=perhaps", 400),
    ] {
        let answer = server.get(&format!("/api/v1/memories?{query}"));
        assert_eq!(answer.status, status, "{query}: {answer:?}");
    }
    is_well(&server);
}

/// Clients that send a byte now and then must not keep the others waiting, nor keep the server from stopping.
#[test]
fn slow_clients_keep_nobody_waiting() {
    let host = Host::new();
    let server = host.start();
    let mut slow: Vec<TcpStream> = (0..50).map(|_| connect(&server)).collect();
    for (index, stream) in slow.iter_mut().enumerate() {
        let part: &[u8] = if index % 2 == 0 {
            b"POST /api/v1/memories/remember HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        } else {
            b"GET /health HTTP/1.1\r\nHo"
        };
        stream.write_all(part).unwrap();
    }
    let started = Instant::now();
    for round in 0..20 {
        server.store("default", &format!("m{round}"));
    }
    is_well(&server);
    assert!(started.elapsed() < Duration::from_secs(10), "others waited");
    let stopping = Instant::now();
    assert_eq!(server.terminate(), Some(0));
    assert!(
        stopping.elapsed() < Duration::from_secs(12),
        "slow clients kept the server for {:?}",
        stopping.elapsed()
    );
}

/// Clients that leave before the answer, and half-way through their request.
#[test]
fn clients_that_hang_up_leave_nothing_open() {
    let host = Host::new();
    let server = host.start();
    let open = || {
        std::fs::read_dir(format!("/proc/{}/fd", server.child.id()))
            .unwrap()
            .count()
    };
    is_well(&server);
    let before = open();
    for _ in 0..100 {
        let mut stream = connect(&server);
        let _sent = stream.write_all(b"GET /api/v1/memories HTTP/1.1\r\nHost: x\r\n\r\n");
        drop(stream);
        let mut stream = connect(&server);
        let _sent = stream.write_all(b"POST /api/v1/memories HTTP/1.1\r\nContent-Length: 50\r\n");
        drop(stream);
    }
    assert!(
        crate::instance::wait_until(|| open() <= before + 5),
        "{before} descriptors before, {} after",
        open()
    );
    is_well(&server);
}

/// 200 at once: half of them store, half of them read. Each acknowledged memory is there, after a restart too.
#[test]
fn two_hundred_requests_at_once_are_all_answered() {
    let host = Host::new();
    let server = host.start();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let server = &server;
        let threads: Vec<_> = (0..200)
            .map(|number| {
                scope.spawn(move || match number % 4 {
                    0 | 1 => {
                        let space = ["default", "tenant_a"][number % 2];
                        let stored = server.try_store(space, &format!("m{number:03}"));
                        stored.unwrap().status
                    }
                    2 => server.get("/api/v1/memories/recall?query=memory").status,
                    _ => server.get("/metrics/prometheus").status,
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    for (number, status) in statuses.iter().enumerate() {
        let expected = if number % 4 < 2 { 201 } else { 200 };
        assert_eq!(*status, expected, "request {number}");
    }
    let ids = |server: &Server| {
        let mut all = server.ids("default");
        all.extend(server.ids("tenant_a"));
        all.sort();
        all
    };
    let stored = ids(&server);
    assert_eq!(stored.len(), 100);
    server.kill();
    assert_eq!(ids(&host.start()), stored);
}
