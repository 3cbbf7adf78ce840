//! `engram start|stop|status`.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use serde_json::{Value, json};

use crate::config::{Config, Finding, Findings, Severity, read};
use crate::pid_file::{self, Entry};
use crate::server::Ports;
use crate::{client, out, server};

/// How long `stop` waits after asking, and again after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(5);

/// The configuration asks for something that the server does not do.
#[derive(Debug, thiserror::Error)]
#[error("Cannot start with this configuration")]
struct NotServed(#[source] Findings);

/// Runs the server.
pub(super) fn start(path: &Path, config: Config, ports: Ports) -> Result<(), Box<dyn Error>> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let (_, findings) = read(path, &text);
    let findings: Vec<Finding> = findings
        .into_iter()
        .filter(|finding| finding.severity == Severity::NotServed)
        .collect();
    if !findings.is_empty() {
        return Err(NotServed(Findings(findings)).into());
    }
    Ok(server::run(config, ports)?)
}

/// Asks the server to stop, then tells it to, then kills it. That there is none is no error.
pub(super) fn stop(force: bool) -> Result<(), Box<dyn Error>> {
    let path = pid_file::path();
    let Some(entry) = pid_file::read(&path)? else {
        out::line("❌ No running Engram server found");
        return Ok(());
    };
    let process = Pid::from_raw(entry.pid).filter(|_| pid_file::is_server(entry.pid));
    let Some(process) = process else {
        out::line(&format!(
            "Process {} not found, cleaning up files",
            entry.pid
        ));
        pid_file::remove(&path, entry.pid);
        return Ok(());
    };
    // Opened before anything is sent, so that it cannot come to mean another process.
    let exited = pidfd_open(process, PidfdFlags::empty())?;
    let ends_within = |patience: Duration| {
        let timeout = Timespec {
            tv_sec: patience.as_secs().cast_signed(),
            tv_nsec: 0,
        };
        poll(&mut [PollFd::new(&exited, PollFlags::IN)], Some(&timeout))
            .is_ok_and(|ready| ready > 0)
    };
    let asked = !force
        && client::request(entry.port, "POST", "/shutdown", None, None)
            .is_ok_and(|answer| answer.status == 200);
    let mut stopped = asked && ends_within(PATIENCE);
    for signal in [Signal::TERM, Signal::KILL] {
        if !stopped {
            kill_process(process, signal)?;
            stopped = ends_within(PATIENCE);
        }
    }
    pid_file::remove(&path, entry.pid);
    if !stopped {
        return Err(format!("Process {} does not end, not even after SIGKILL", entry.pid).into());
    }
    out::line("✅ Engram server stopped");
    Ok(())
}

/// Prints what is known about the server. The exit status does not depend on it.
pub(super) fn status(json: bool) {
    let found = pid_file::read(&pid_file::path());
    if json {
        out::line(&status_json(found).to_string());
        return;
    }
    match found {
        Ok(None) => out::line("Status: No running server found"),
        Err(error) => out::line(&format!("Status: PID file corrupted: {error}")),
        Ok(Some(entry)) if !pid_file::is_server(entry.pid) => {
            out::line(&format!(
                "Status: Process {} is not running; the PID file is left over",
                entry.pid
            ));
        }
        Ok(Some(entry)) => {
            out::line(&format!(
                "Status: Running (PID {}, port {})",
                entry.pid, entry.port
            ));
            out::line(
                &match client::request(entry.port, "GET", "/api/v1/system/health", None, None) {
                    Ok(answer) if answer.status == 200 => {
                        let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
                        format!(
                            "HTTP Health: {}",
                            body["status"].as_str().unwrap_or("unknown")
                        )
                    }
                    Ok(answer) => {
                        format!("HTTP Health: Unhealthy (status: {})", answer.status_line)
                    }
                    Err(error) => format!(
                        "HTTP Health: Unreachable ({})",
                        crate::error_chain::one_line(&error)
                    ),
                },
            );
        }
    }
}

fn status_json(found: std::io::Result<Option<Entry>>) -> Value {
    let (status, health, entry, message) = match found {
        Ok(None) => (
            "offline",
            "not_found",
            None,
            "No running server found".to_owned(),
        ),
        Err(error) => (
            "error",
            "corrupted",
            None,
            format!("PID file corrupted: {error}"),
        ),
        Ok(Some(entry)) if !pid_file::is_server(entry.pid) => (
            "offline",
            "process_dead",
            Some(entry),
            "The process is not running".to_owned(),
        ),
        Ok(Some(entry)) => match client::request(entry.port, "GET", "/health/alive", None, None) {
            Ok(answer) if answer.status == 200 => (
                "online",
                "responsive",
                Some(entry),
                "Server is running".to_owned(),
            ),
            Ok(answer) => ("degraded", "unresponsive", Some(entry), answer.status_line),
            Err(error) => (
                "degraded",
                "unreachable",
                Some(entry),
                crate::error_chain::one_line(&error),
            ),
        },
    };
    json!({
        "config": { "path": crate::config::path() },
        "status": status,
        "health": health,
        "memory_count": memory_count(entry).unwrap_or(0),
        "pid": entry.map(|entry| entry.pid),
        "port": entry.map(|entry| entry.port),
        "process_running": entry.is_some_and(|entry| pid_file::is_server(entry.pid)),
        "message": message,
    })
}

/// Of all open spaces.
fn memory_count(entry: Option<Entry>) -> Option<u64> {
    let answer = client::request(entry?.port, "GET", "/api/v1/system/health", None, None).ok()?;
    let body: Value = serde_json::from_str(&answer.body).ok()?;
    Some(
        body["spaces"]
            .as_array()?
            .iter()
            .filter_map(|space| space["memories"].as_u64())
            .sum(),
    )
}
