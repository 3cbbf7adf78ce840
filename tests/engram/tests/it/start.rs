//! Starting, stopping, and the three reasons why a start fails.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::instance::{ENGRAM, Host, stderr, stdout};

#[test]
fn the_version_is_that_of_the_real_program() {
    assert_eq!(
        stdout(&Host::new().engram(&["--version"])),
        "engram 0.1.0\n"
    );
}

#[test]
fn start_status_stop() {
    let host = Host::new();
    let mut server = host.start();
    assert!(stdout(&host.engram(&["status"])).contains("HTTP Health: healthy"));
    let json = stdout(&host.engram(&["status", "--json"]));
    assert!(json.contains(r#""status":"online""#), "{json}");
    let stopped = host.engram(&["stop"]);
    assert!(stopped.status.success(), "{}", stderr(&stopped));
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    assert!(!host.path("engram.pid").exists());
    assert!(
        host.log()
            .contains("WAL recovery completed space=default recovered=0 corrupted=0"),
        "{}",
        host.log()
    );
    assert!(host.log().contains("corruption_rate=0.0"));
}

#[test]
fn stop_and_status_without_a_server_exit_0() {
    let host = Host::new();
    let (stop, status) = (host.engram(&["stop"]), host.engram(&["status"]));
    assert_eq!(
        (stop.status.code(), stdout(&stop).as_str()),
        (Some(0), "❌ No running Engram server found\n")
    );
    assert_eq!(
        (status.status.code(), stdout(&status).as_str()),
        (Some(0), "Status: No running server found\n")
    );
}

#[test]
fn a_left_over_pid_file_is_cleaned_up_and_nothing_is_killed() {
    let host = Host::new();
    let mut other = Command::new("sleep").arg("1000").spawn().unwrap();
    std::fs::write(host.path("engram.pid"), format!("{}:7432", other.id())).unwrap();
    assert!(host.engram(&["stop"]).status.success());
    assert!(!host.path("engram.pid").exists());
    assert!(other.try_wait().unwrap().is_none());
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn sigterm_ends_it_with_status_0() {
    let host = Host::new();
    assert_eq!(host.start().terminate(), Some(0));
}

#[test]
fn a_taken_port_is_named() {
    let host = Host::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let output = host.engram(&["start", "--port", &port.to_string()]);
    assert_eq!(output.status.code(), Some(1));
    let expected = format!(
        "Error: Failed to bind to address 127.0.0.1:{port}\n\nCaused by:\n    Address already in use (os error 98)\n"
    );
    assert_eq!(stderr(&output), expected);
    assert!(!host.path("engram.pid").exists());
    assert!(
        !host.path("data").exists(),
        "a failed start leaves no log files behind"
    );
}

#[test]
fn a_second_server_on_the_same_data_is_refused() {
    let host = Host::new();
    let server = host.start();
    let output = host.engram(&["start", "--port", "0"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("is in use by another engram server"),
        "{}",
        stderr(&output)
    );
    server.store("default", "still_here");
    assert!(host.path("engram.pid").exists());
}

#[test]
fn a_file_in_the_place_of_the_data_directory_is_named() {
    let host = Host::new();
    std::fs::write(host.path("data"), "").unwrap();
    let output = host.engram(&["start", "--port", "0"]);
    assert_eq!(output.status.code(), Some(1));
    let expected = format!(
        "Error: Failed to create data directory at {}\n",
        host.path("data").display()
    );
    assert!(
        stderr(&output).starts_with(&expected),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_file_in_the_place_of_a_space_directory_is_named() {
    let host = Host::new();
    std::fs::create_dir_all(host.path("data/default")).unwrap();
    std::fs::write(host.path("data/default/wal"), "").unwrap();
    let output = host.engram(&["start", "--port", "0"]);
    assert_eq!(output.status.code(), Some(1));
    let expected = format!(
        "Error: Failed to initialise memory store for space 'default'\n\nCaused by:\n    0: Failed to prepare \
         persistence directory '{}' for space 'default'\n    1: not a directory\n",
        host.path("data/default/wal").display()
    );
    assert_eq!(stderr(&output), expected);
}

/// Root passes all modes, so the server runs as somebody else then.
fn start_unprivileged(host: &Host) -> std::process::Output {
    let program = host.path("engram");
    std::fs::copy(ENGRAM, &program).unwrap();
    let arguments = ["start", "--port", "0"];
    if !is_root() {
        return host.command(&program).args(arguments).output().unwrap();
    }
    let root = host.path("");
    std::fs::set_permissions(&root, PermissionsExt::from_mode(0o755)).unwrap();
    let owned = Command::new("chown")
        .args(["-R", "65534:65534"])
        .arg(&root)
        .status()
        .unwrap();
    assert!(owned.success());
    let mut command = host.command(Path::new("setpriv"));
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&program)
        .args(arguments);
    command.output().unwrap()
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout == b"0\n"
}

#[test]
fn a_closed_data_directory_is_permission_denied() {
    let host = Host::new();
    std::fs::create_dir(host.path("data")).unwrap();
    std::fs::set_permissions(host.path("data"), PermissionsExt::from_mode(0o000)).unwrap();
    let output = start_unprivileged(&host);
    assert_eq!(output.status.code(), Some(1));
    let expected = format!(
        "Error: Failed to create data directory at {}\n\nCaused by:\n    Permission denied (os error 13)\n",
        host.path("data").display()
    );
    assert_eq!(stderr(&output), expected);
}

#[test]
fn a_closed_default_space_is_permission_denied() {
    let host = Host::new();
    std::fs::create_dir_all(host.path("data/default")).unwrap();
    std::fs::set_permissions(host.path("data/default"), PermissionsExt::from_mode(0o000)).unwrap();
    let output = start_unprivileged(&host);
    assert_eq!(output.status.code(), Some(1));
    let expected = format!(
        "Error: Failed to initialise memory store for space 'default'\n\nCaused by:\n    0: Failed to prepare \
         persistence directory '{}' for space 'default'\n    1: Permission denied (os error 13)\n",
        host.path("data/default/wal").display()
    );
    assert_eq!(stderr(&output), expected);
}

#[test]
fn broken_toml_fails_every_command_with_its_line() {
    let host = Host::new();
    host.configure("[server]\nhttp_bind = 127.0.0.1\n");
    for arguments in [
        &["start"][..],
        &["stop"],
        &["status"],
        &["config", "list"],
        &["space", "list"],
    ] {
        let output = host.engram(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let text = stderr(&output);
        assert!(
            text.starts_with("Error: failed to load CLI configuration\n\nCaused by:\n"),
            "{text}"
        );
        assert!(text.contains("config.toml:2:"), "{text}");
    }
}

#[track_caller]
fn invalid(text: &str, place_and_allowed: &str) {
    let host = Host::new();
    host.configure(text);
    for arguments in [["validate", "config"], ["config", "validate"]] {
        let output = host.engram(&arguments);
        assert_eq!(output.status.code(), Some(1));
        assert!(
            stderr(&output).contains(place_and_allowed),
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn wrong_values_are_named_with_place_key_and_what_is_allowed() {
    invalid(
        "[server]\nhttp_bind = \"localhost\"\n",
        "config.toml:2:13: server.http_bind = \"localhost\": must be an IP",
    );
    invalid(
        "[persistence]\nhot_capacity = 5\n",
        ":2:16: persistence.hot_capacity = 5: must be a whole number from 1000",
    );
    invalid(
        "[memory_spaces]\nbootstrap_spaces = [\"A\"]\n",
        ":2:20: memory_spaces.bootstrap_spaces = [\"A\"]: must be",
    );
    invalid("server = 3\n", ":1:10: server: must be a section");
}

#[test]
fn sections_of_the_specification_pass_and_unknown_keys_are_named() {
    let host = Host::new();
    host.configure("[validation]\ncheck_finite_embeddings = true\n[grpc.tls]\nenabled = false\n[storage.indices]\nverify_on_load = true\n[serve]\nport = 1\n");
    let output = host.engram(&["validate", "config"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.contains("WARNING: ") && text.contains(":7:2: unknown key serve is ignored"),
        "{text}"
    );
    assert_eq!(text.matches("WARNING").count(), 1, "{text}");
}

#[test]
fn no_configuration_file_is_an_error_only_for_validate() {
    let host = Host::new();
    let output = host.engram(&["validate", "config"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("Error: Configuration file not found: "));
    assert!(host.engram(&["config", "list"]).status.success());
}

#[test]
fn a_name_as_bind_address_fails_at_the_start() {
    let host = Host::new();
    host.configure("[server]\nhttp_bind = \"localhost\"\n");
    let output = host.engram(&["start", "--port", "0"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).starts_with("Error: Invalid HTTP bind address 'localhost'\n"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn what_the_server_does_not_have_is_refused_instead_of_ignored() {
    let host = Host::new();
    host.configure("[security]\nauth_mode = \"api_key\"\n");
    let output = host.engram(&["start", "--port", "0"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("does not have authentication by API keys"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn config_set_keeps_what_is_valid_and_refuses_the_rest() {
    let host = Host::new();
    assert!(
        host.engram(&[
            "config",
            "set",
            "memory_spaces.bootstrap_spaces",
            "default,tenant_a"
        ])
        .status
        .success()
    );
    let get = host.engram(&["config", "get", "memory_spaces.bootstrap_spaces"]);
    assert_eq!(stdout(&get), "[\"default\", \"tenant_a\"]\n");
    assert_eq!(
        host.engram(&["config", "set", "server.http_bind", "nowhere"])
            .status
            .code(),
        Some(1)
    );
    assert_eq!(
        host.engram(&["config", "get", "server.port"]).status.code(),
        Some(1)
    );
    assert_eq!(host.engram(&["config", "init"]).status.code(), Some(2));
}
