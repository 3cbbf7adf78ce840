//! The health checks. Each one measures; none is a constant.
//!
//! The whole is unhealthy, and answered with 503, if one check is. A degraded check is for people to look at:
//! the server still does its work, so that 200 is right.
//! A single space that could not be opened is not a check: the other tenants must keep their server.

mod recall;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::metrics::{Listening, Metrics};
use crate::process::Process;
use crate::space::Registry;

const ERROR_WINDOW: Duration = Duration::from_secs(60);
/// Fewer operations than this say nothing about a rate.
const ERROR_SAMPLES: usize = 20;
const SLOW: Duration = Duration::from_millis(100);
const TOO_SLOW: Duration = Duration::from_secs(1);

/// How a check ended, and the whole: the worst of all checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    /// All is well.
    Healthy,
    /// It works, but somebody should look.
    Degraded,
    /// It does not do its work.
    Unhealthy,
}

impl Status {
    /// As answers name it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// The checks and what they found before.
#[derive(Debug)]
pub(crate) struct Health {
    registry: Arc<Registry>,
    metrics: Arc<Metrics>,
    /// Where this server listens.
    address: SocketAddr,
    history: Mutex<BTreeMap<&'static str, History>>,
}

#[derive(Debug, Default)]
struct History {
    failures: u64,
    successes: u64,
    last_failure: Option<Instant>,
    last_success: Option<Instant>,
}

struct Finding {
    name: &'static str,
    status: Status,
    message: String,
    took: Duration,
}

impl Health {
    /// The checks of a server that listens at an address.
    pub(crate) fn new(registry: Arc<Registry>, metrics: Arc<Metrics>, address: SocketAddr) -> Self {
        Self {
            registry,
            metrics,
            address,
            history: Mutex::default(),
        }
    }

    /// Makes all checks now: the worst status, and each check as JSON.
    pub(crate) async fn check(self: &Arc<Self>) -> (Status, Vec<Value>) {
        let this = Arc::clone(self);
        // The disk may hang; the threads that answer requests must not wait for it.
        let local = move || {
            vec![
                this.error_rate(),
                this.latency(),
                memory(),
                descriptors(),
                this.storage(),
                this.indices(),
                this.embeddings(),
            ]
        };
        let mut findings = tokio::task::spawn_blocking(local)
            .await
            .unwrap_or_else(|panic| vec![broken(&panic)]);
        findings.push(self.connectivity().await);
        findings.push(self.grpc());
        let status = findings
            .iter()
            .map(|finding| finding.status)
            .max()
            .unwrap_or(Status::Healthy);
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let checks = findings
            .iter()
            .map(|finding| history.entry(finding.name).or_default().record(finding))
            .collect();
        (status, checks)
    }

    fn error_rate(&self) -> Finding {
        measured("error_rate", || {
            let (errors, all) = self.metrics.recent_errors(ERROR_WINDOW);
            let many = all >= ERROR_SAMPLES && errors * 20 > all;
            let status = if many {
                Status::Degraded
            } else {
                Status::Healthy
            };
            (
                status,
                format!("{errors} of {all} operations of the last minute failed"),
            )
        })
    }

    /// How long a request waits for the memories of a space, the slowest of all.
    fn latency(&self) -> Finding {
        measured("latency", || {
            let mut slowest = Duration::ZERO;
            for space in self.registry.loaded() {
                let started = Instant::now();
                let _missing = space.get("");
                slowest = slowest.max(started.elapsed()).max(space.write_wait());
            }
            let status = by_limits(slowest, SLOW, TOO_SLOW);
            (
                status,
                format!(
                    "the slowest space answers after {:.1}ms",
                    slowest.as_secs_f64() * 1000.0
                ),
            )
        })
    }

    fn storage(&self) -> Finding {
        measured("storage", || {
            let spaces = self.registry.loaded();
            let failures: Vec<String> = spaces
                .iter()
                .filter_map(|space| {
                    space
                        .check_writable()
                        .err()
                        .map(|reason| format!("space '{}': {reason}", space.id))
                })
                .collect();
            if failures.is_empty() {
                return (
                    Status::Healthy,
                    format!("the logs of {} spaces can be written", spaces.len()),
                );
            }
            (Status::Unhealthy, failures.join("; "))
        })
    }

    /// A search without an index is slow, but right.
    fn indices(&self) -> Finding {
        measured("indices", || {
            let faults: Vec<String> = self
                .registry
                .loaded()
                .iter()
                .filter_map(|space| {
                    let report = space.index.report();
                    let reason = report.reason?;
                    let status = report.status.as_str();
                    Some(format!("space '{}': {status}: {reason}", space.id))
                })
                .collect();
            if faults.is_empty() {
                return (Status::Healthy, "all indices can be used".to_owned());
            }
            (Status::Degraded, faults.join("; "))
        })
    }

    /// HTTP goes on without gRPC, so that the server is not unhealthy.
    fn grpc(&self) -> Finding {
        measured("grpc", || match self.metrics.grpc() {
            Listening::On => (Status::Healthy, "the server listens".to_owned()),
            Listening::Off => (Status::Healthy, "disabled in the configuration".to_owned()),
            Listening::Failed => (
                Status::Degraded,
                "the server does not listen; its log says why".to_owned(),
            ),
        })
    }

    /// One such memory makes every comparison of embeddings in its space fail.
    fn embeddings(&self) -> Finding {
        measured("embeddings", || {
            let flawed: Vec<String> = self
                .registry
                .loaded()
                .iter()
                .filter(|space| space.guard.flawed_count() > 0)
                .map(|space| format!("space '{}': {}", space.id, space.guard.flawed_count()))
                .collect();
            if flawed.is_empty() {
                return (Status::Healthy, "all numbers are finite".to_owned());
            }
            let message = format!("memories with NaN or Infinity: {}", flawed.join("; "));
            (Status::Degraded, message)
        })
    }

    /// Asks this server itself, over its own port.
    async fn connectivity(&self) -> Finding {
        let started = Instant::now();
        let answer = tokio::time::timeout(TOO_SLOW, ask(self.address)).await;
        let took = started.elapsed();
        let (status, message) = match answer {
            Ok(Ok(())) => (
                by_limits(took, SLOW, TOO_SLOW),
                format!("port {} answers", self.address.port()),
            ),
            Ok(Err(error)) => (
                Status::Unhealthy,
                format!("port {} does not answer: {error}", self.address.port()),
            ),
            Err(_) => (
                Status::Unhealthy,
                format!("port {} does not answer within 1s", self.address.port()),
            ),
        };
        Finding {
            name: "connectivity",
            status,
            message,
            took,
        }
    }
}

/// A check that panicked is a fault of ours, and not a healthy server.
fn broken(panic: &tokio::task::JoinError) -> Finding {
    Finding {
        name: "checks",
        status: Status::Unhealthy,
        message: panic.to_string(),
        took: Duration::ZERO,
    }
}

fn measured(name: &'static str, check: impl FnOnce() -> (Status, String)) -> Finding {
    let started = Instant::now();
    let (status, message) = check();
    Finding {
        name,
        status,
        message,
        took: started.elapsed(),
    }
}

fn by_limits<T: PartialOrd + Copy>(value: T, degraded: T, unhealthy: T) -> Status {
    if value >= unhealthy {
        Status::Unhealthy
    } else if value >= degraded {
        Status::Degraded
    } else {
        Status::Healthy
    }
}

fn memory() -> Finding {
    measured("memory", || {
        let process = Process::read();
        let (Some(resident), Some(machine)) = (process.resident_bytes, process.machine_bytes)
        else {
            return (Status::Degraded, "the kernel does not tell".to_owned());
        };
        let percent = resident * 100 / machine.max(1);
        (
            by_limits(percent, 80, 95),
            format!(
                "{} MB resident, {percent} % of this machine",
                resident >> 20
            ),
        )
    })
}

fn descriptors() -> Finding {
    measured("descriptors", || {
        let process = Process::read();
        let Some(open) = process.open_fds else {
            return (Status::Unhealthy, "/proc/self/fd cannot be read".to_owned());
        };
        let Some(limit) = process.max_fds else {
            return (Status::Healthy, format!("{open} open, no limit"));
        };
        (
            by_limits(open * 100 / limit.max(1), 80, 95),
            format!("{open} of {limit} open"),
        )
    })
}

async fn ask(mut address: SocketAddr) -> std::io::Result<()> {
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            std::net::Ipv4Addr::LOCALHOST.into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        });
    }
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(b"GET /health/alive HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    if answer.starts_with(b"HTTP/1.1 200") {
        Ok(())
    } else {
        Err(std::io::Error::other("not 200"))
    }
}

impl History {
    fn record(&mut self, finding: &Finding) -> Value {
        let now = Instant::now();
        if finding.status == Status::Unhealthy {
            (self.failures, self.successes) = (self.failures + 1, 0);
            self.last_failure = Some(now);
        } else {
            (self.failures, self.successes) = (0, self.successes + 1);
            self.last_success = Some(now);
        }
        let ago = |at: Option<Instant>| at.map(|at| (now - at).as_secs_f64());
        json!({
            "name": finding.name,
            "type": finding.name,
            "status": finding.status.as_str(),
            "message": finding.message,
            "latency_seconds": finding.took.as_secs_f64(),
            "consecutive_failures": self.failures,
            "consecutive_successes": self.successes,
            "last_success_seconds_ago": ago(self.last_success),
            "last_failure_seconds_ago": ago(self.last_failure),
            "last_run_seconds_ago": 0.0,
        })
    }
}
