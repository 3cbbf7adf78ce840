//! gRPC: where it listens, and what becomes of the server when it cannot.

use crate::instance::{Host, Server, stderr, stdout, wait_until};

#[test]
fn it_listens_where_the_command_line_says() {
    let host = Host::new();
    host.configure("[grpc]\naddress = \"127.0.0.1:1\"\n");
    let server = host.start();
    let announced = || host.log().contains(" INFO engram: gRPC: 127.0.0.1:");
    assert!(wait_until(announced), "{}", host.log());
    assert_eq!(up(&server), "1");
    assert_eq!(check(&server), "healthy");
}

#[test]
fn a_taken_port_leaves_http_alone() {
    let host = Host::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let server = host.start_with(&["-g", &port]);
    let expected = format!(
        "ERROR engram: gRPC server error: Failed to bind to address 0.0.0.0:{port}: Address already in use (os error 98)\n"
    );
    assert!(host.log().contains(&expected), "{}", host.log());
    assert!(!host.log().contains("gRPC: 127"), "{}", host.log());
    server.store("default", "over_http");
    assert_eq!(
        (up(&server).as_str(), check(&server).as_str()),
        ("0", "degraded")
    );
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn it_can_be_disabled() {
    let host = Host::new();
    host.configure("[grpc]\nenabled = false\n");
    let server = host.start_with(&[]);
    assert!(host.log().contains("gRPC is disabled"), "{}", host.log());
    assert_eq!(
        (up(&server).as_str(), check(&server).as_str()),
        ("0", "healthy")
    );
}

#[test]
fn a_port_on_the_command_line_wins_over_disabled() {
    let host = Host::new();
    host.configure("[grpc]\nenabled = false\n");
    assert_eq!(up(&host.start()), "1");
}

#[test]
fn an_address_that_is_none_is_refused_as_for_http() {
    let host = Host::new();
    host.configure("[grpc]\naddress = \"localhost:50051\"\n");
    let output = host.engram(&["start", "--port", "0"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).starts_with("Error: Invalid gRPC bind address 'localhost:50051'\n"),
        "{}",
        stderr(&output)
    );
    assert!(host.engram(&["status"]).status.success());
    let output = host.engram(&["validate", "config"]);
    assert!(
        stderr(&output).contains(
            ":2:11: grpc.address = \"localhost:50051\": must be an IP address and a port"
        ),
        "{}",
        stderr(&output)
    );
}

#[test]
fn the_sections_are_known_and_their_types_are_checked() {
    let host = Host::new();
    host.configure("[grpc]\nenabled = true\nadress = \"x\"\n[grpc.tls]\nenabled = false\ncert_path = \"/c\"\nkey_path = \"/k\"\n");
    let output = host.engram(&["validate", "config"]);
    assert!(
        stdout(&output).contains("unknown key grpc.adress"),
        "{}",
        stdout(&output)
    );
    assert_eq!(stdout(&output).lines().count(), 2, "{}", stdout(&output));
    host.configure("[grpc]\nenabled = \"yes\"\n");
    let output = host.engram(&["validate", "config"]);
    assert!(
        stderr(&output).contains("grpc.enabled = \"yes\": must be true or false"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn tls_without_its_files_is_named_before_the_start() {
    let host = Host::new();
    host.configure("[grpc.tls]\nenabled = true\ncert_path = \"/c\"\n");
    let output = host.engram(&["validate", "config"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains(":2:11: grpc.tls.enabled = true: needs grpc.tls.key_path"),
        "{}",
        stderr(&output)
    );
    assert!(host.engram(&["status"]).status.success());
}

fn up(server: &Server) -> String {
    let text = server.get("/metrics/prometheus").body;
    let sample = text
        .lines()
        .find_map(|line| line.strip_prefix("engram_grpc_up "));
    sample.unwrap().to_owned()
}

fn check(server: &Server) -> String {
    let health = server.get("/api/v1/system/health").json();
    let checks = health["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == "grpc").unwrap();
    check["status"].as_str().unwrap().to_owned()
}
