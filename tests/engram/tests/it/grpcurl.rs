//! gRPC from outside, by the `grpcurl` of the test host: both ends are tested here.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Instant;

use serde_json::{Value, json};

use crate::instance::{Host, stderr, stdout, wait_until};

const GRPCURL: &str = env!("CARGO_BIN_EXE_grpcurl");
const SERVICE: &str = "engram.v1.EngramService";

/// Runs `grpcurl` with the arguments of one line, and one more that may have spaces.
fn grpcurl(host: &Host, line: &str) -> Output {
    let arguments = line.split(' ').map(|word| word.replace('~', " "));
    let mut command = host.command(Path::new(GRPCURL));
    command.args(arguments).output().unwrap()
}

#[track_caller]
fn granted(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    stdout(output)
}

/// Where the server on this host listens for gRPC.
fn address(host: &Host) -> String {
    assert!(wait_until(|| host.log().contains("gRPC: 127.0.0.1:")));
    let log = host.log();
    let (_, rest) = log.rsplit_once("gRPC: 127.0.0.1:").unwrap();
    let port = rest.lines().next().unwrap();
    format!("localhost:{port}")
}

fn method(host: &Host, flags: &str, name: &str) -> Output {
    let address = address(host);
    grpcurl(
        host,
        &format!("-plaintext {flags} {address} {SERVICE}/{name}"),
    )
}

#[test]
fn what_is_stored_over_grpc_is_seen_over_http_and_the_reverse() {
    let host = Host::new();
    let server = host.start();
    let flags = r#"-H x-memory-space:~tenant_a -d {"id":"from_grpc","content":"red~apple","confidence":0.5}"#;
    let answer: Value = serde_json::from_str(&granted(&method(&host, flags, "Remember"))).unwrap();
    assert_eq!(answer["memoryId"], "from_grpc");
    let over_http = server
        .get_in("tenant_a", "/api/v1/memories/from_grpc")
        .json();
    assert_eq!(over_http["content"], "red apple");
    assert_eq!(server.ids("default"), Vec::<String>::new());

    server.store("tenant_b", "from_http");
    let flags = r#"-d {"memory_space_id":"tenant_b","cue":"from_http"}"#;
    let answer: Value = serde_json::from_str(&granted(&method(&host, flags, "Recall"))).unwrap();
    assert_eq!(answer["memories"][0]["id"], "from_http");
    let flags = r#"-d {"memorySpaceId":"tenant_b","queryText":"RECALL~memory"}"#;
    let answer = granted(&method(&host, flags, "ExecuteQuery"));
    assert!(answer.contains(r#""totalCount": "1""#), "{answer}");

    let text = server.get("/metrics/prometheus").body;
    let counted = r#"{memory_space="tenant_a",operation="remember",status="ok"} 1"#;
    assert!(text.contains(counted), "{text}");
}

#[test]
fn memories_of_grpc_survive_kill() {
    let host = Host::new();
    let server = host.start();
    granted(&method(
        &host,
        r#"-d {"id":"kept","content":"x"}"#,
        "Remember",
    ));
    server.kill();
    assert_eq!(host.start().ids("default"), ["kept"]);
}

#[test]
fn refusals_have_the_words_of_http_and_the_status_of_grpc() {
    let host = Host::new();
    let server = host.start();
    for (flags, name, status, message) in [
        (r#"-d {"content":"~"}"#, "Remember", 67, "content is empty"),
        (
            r#"-d {"content":"x","confidence":"NaN"}"#,
            "Remember",
            67,
            "confidence is not a finite number",
        ),
        (
            r#"-d {"content":"x","embedding":[1]}"#,
            "Remember",
            67,
            "exactly 768 dimensions, got 1",
        ),
        (
            "-H x-memory-space:~X",
            "Recall",
            67,
            "Memory space identifier",
        ),
        (
            r#"-d {"memory_space_id":"nobody"}"#,
            "Introspect",
            69,
            "Memory space 'nobody' not found",
        ),
    ] {
        let output = method(&host, flags, name);
        assert_eq!(output.status.code(), Some(status), "{}", stderr(&output));
        assert!(
            stderr(&output).starts_with("ERROR:\n  Code: "),
            "{}",
            stderr(&output)
        );
        assert!(stderr(&output).contains(message), "{}", stderr(&output));
    }
    assert_eq!(server.ids("default"), Vec::<String>::new());
}

#[test]
fn reflection_lists_and_describes_the_service() {
    let host = Host::new();
    let _server = host.start();
    let address = address(&host);
    let services = granted(&grpcurl(&host, &format!("-plaintext {address} list")));
    let expected =
        format!("{SERVICE}\ngrpc.health.v1.Health\ngrpc.reflection.v1.ServerReflection\n");
    assert_eq!(services, expected);
    let methods = granted(&grpcurl(
        &host,
        &format!("-plaintext {address} list {SERVICE}"),
    ));
    let expected = ["ExecuteQuery", "Introspect", "Recall", "Remember"];
    let expected: Vec<String> = expected
        .iter()
        .map(|name| format!("{SERVICE}.{name}"))
        .collect();
    assert_eq!(methods.lines().collect::<Vec<_>>(), expected);
    let line = format!("-plaintext {address} describe engram.v1.RecallRequest");
    assert_eq!(
        granted(&grpcurl(&host, &line)),
        "engram.v1.RecallRequest is a message:\nmessage RecallRequest {\n  string memory_space_id = 1;\n  string cue = 2;\n  uint32 max_results = 3;\n}\n"
    );
    let line = format!("-plaintext {address} describe {SERVICE}.Recall");
    assert_eq!(
        granted(&grpcurl(&host, &line)),
        format!(
            "{SERVICE}.Recall is a method:\nrpc Recall ( .engram.v1.RecallRequest ) returns ( .engram.v1.RecallResponse );\n"
        )
    );
    for (what, expected) in [
        (
            "list nope",
            "Failed to list methods for service \"nope\": Symbol not found: nope\n",
        ),
        (
            "describe nope",
            "Failed to resolve symbol \"nope\": Symbol not found: nope\n",
        ),
        (
            "nope/Call",
            "Error invoking method \"nope/Call\": target server does not expose service \"nope\"\n",
        ),
    ] {
        let output = grpcurl(&host, &format!("-plaintext {address} {what}"));
        assert_eq!(
            (output.status.code(), stderr(&output).as_str()),
            (Some(1), expected)
        );
    }
}

#[test]
fn the_health_service_says_serving() {
    let host = Host::new();
    let _server = host.start();
    let line = format!("-plaintext {} grpc.health.v1.Health/Check", address(&host));
    let answer: Value = serde_json::from_str(&granted(&grpcurl(&host, &line))).unwrap();
    assert_eq!(answer, json!({ "status": "SERVING" }));
}

#[test]
fn tls_is_spoken_with_those_who_trust_the_certificate() {
    let host = Host::new();
    certificate(&host);
    let server = host.start();
    let address = address(&host);
    let cacert = host.path("cert.pem").display().to_string();
    for flags in [format!("-cacert {cacert}"), "-insecure".to_owned()] {
        let services = granted(&grpcurl(&host, &format!("{flags} {address} list")));
        assert!(services.contains(SERVICE), "{services}");
    }
    let output = grpcurl(&host, &format!("{address} list"));
    let expected = format!(
        "Failed to dial target host \"{address}\": tls: failed to verify certificate: x509: certificate signed by unknown authority\n"
    );
    assert_eq!((output.status.code(), stderr(&output)), (Some(1), expected));

    let started = Instant::now();
    let output = grpcurl(
        &host,
        &format!("-plaintext -connect-timeout 0.5 {address} list"),
    );
    let expected = format!("Failed to dial target host \"{address}\": context deadline exceeded\n");
    assert_eq!((output.status.code(), stderr(&output)), (Some(1), expected));
    assert!(started.elapsed().as_secs_f64() >= 0.5);
    let complains = || {
        host.log()
            .contains("WARN engram: gRPC TLS handshake with 127.0.0.1:")
    };
    assert!(wait_until(complains), "{}", host.log());
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn a_certificate_that_cannot_be_used_leaves_http_alone() {
    for (spoil, expected) in [
        (
            (|host: &Host| std::fs::remove_file(host.path("key.pem")).unwrap()) as fn(&Host),
            "key.pem': No such file or directory (os error 2)",
        ),
        (
            |host| std::fs::write(host.path("cert.pem"), "no certificate").unwrap(),
            "cert.pem' is not a PEM file with what it should hold: no items found",
        ),
        (
            |host| host.configure("[grpc.tls]\nenabled = true\n"),
            "grpc.tls.enabled = true needs grpc.tls.cert_path",
        ),
    ] {
        let host = Host::new();
        certificate(&host);
        spoil(&host);
        let server = host.start();
        let log = host.log();
        assert!(
            log.contains("ERROR engram: gRPC server error: Failed to set up TLS: "),
            "{log}"
        );
        assert!(log.contains(expected), "{log}");
        server.store("default", "over_http");
        assert!(
            server
                .get("/metrics/prometheus")
                .body
                .contains("engram_grpc_up 0\n")
        );
    }
}

#[test]
fn what_cannot_be_reached_is_named_as_the_well_known_tool_does() {
    let host = Host::new();
    let _server = host.start();
    let address = address(&host);
    let output = grpcurl(&host, &format!("{address} list"));
    let expected = format!(
        "Failed to dial target host \"{address}\": tls: first record does not look like a TLS handshake\n"
    );
    assert_eq!((output.status.code(), stderr(&output)), (Some(1), expected));

    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let output = grpcurl(&host, &format!("-plaintext {free} list"));
    let expected = format!(
        "Failed to dial target host \"{free}\": dial tcp {free}: connect: connection refused\n"
    );
    assert_eq!((output.status.code(), stderr(&output)), (Some(1), expected));

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let line = format!(
        "-plaintext -max-time 0.2 {} list",
        silent.local_addr().unwrap()
    );
    assert_eq!(grpcurl(&host, &line).status.code(), Some(68));
}

#[test]
fn wrong_use_is_told_from_failure() {
    let host = Host::new();
    for line in [
        "",
        "-plaintext localhost:1",
        "-nope localhost:1 list",
        "-plaintext -insecure localhost:1 list",
        "-max-time x localhost:1 list",
    ] {
        let output = grpcurl(&host, line);
        assert_eq!(output.status.code(), Some(2), "{line}: {}", stderr(&output));
        assert!(stderr(&output).ends_with("Try 'grpcurl -help' for more details.\n"));
    }
}

/// Makes a certificate, and a configuration with it.
fn certificate(host: &Host) {
    let (certificate, key) = (host.path("cert.pem"), host.path("key.pem"));
    let made = Command::new("openssl")
        .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost".split(' '))
        .args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", stderr(&made));
    host.configure(&format!(
        "[grpc.tls]\nenabled = true\ncert_path = \"{}\"\nkey_path = \"{}\"\n",
        certificate.display(),
        key.display()
    ));
}
