//! What the responder counts, as Prometheus reads it.

use super::report::Kind;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Upper bounds of the histogram, in seconds.
const BUCKETS: [(f64, &str); 10] = [
    (0.5, "0.5"),
    (1.0, "1"),
    (2.5, "2.5"),
    (5.0, "5"),
    (10.0, "10"),
    (30.0, "30"),
    (60.0, "60"),
    (120.0, "120"),
    (300.0, "300"),
    (600.0, "600"),
];

/// What can come of a notification. All are exported from the start, so that a rate sees the first.
const NOTIFICATIONS: [&str; 11] = [
    "accepted",
    "repeated",
    "resolved",
    "ignored",
    "queue_full",
    "stopping",
    "bad_request",
    "too_large",
    "timeout",
    "unauthorized",
    "refused",
];

/// What can come of a run.
const RUNS: [&str; 6] = [
    "exit_zero",
    "exit_nonzero",
    "signalled",
    "timed_out",
    "stopped",
    "not_started",
];

/// Gauges at the moment of a scrape.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Gauges {
    pub(super) queued: usize,
    pub(super) queue_limit: usize,
    pub(super) running: usize,
    pub(super) reports: usize,
}

#[derive(Debug, Default)]
struct Counts {
    notifications: BTreeMap<&'static str, u64>,
    runs: BTreeMap<(Kind, &'static str), u64>,
    buckets: [u64; BUCKETS.len()],
    n_seconds: u64,
    seconds: f64,
    unwritten: u64,
}

/// The counters.
#[derive(Debug, Default)]
pub struct Metrics(Mutex<Counts>);

impl Metrics {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A notification was answered.
    pub(super) fn notification(&self, result: &'static str) {
        *self.counts().notifications.entry(result).or_default() += 1;
    }

    /// A script has ended.
    pub(super) fn run(&self, kind: Kind, result: &'static str, time: Duration) {
        let mut counts = self.counts();
        *counts.runs.entry((kind, result)).or_default() += 1;
        let seconds = time.as_secs_f64();
        counts.n_seconds += 1;
        counts.seconds += seconds;
        for (count, (bound, _)) in counts.buckets.iter_mut().zip(BUCKETS) {
            *count += u64::from(seconds <= bound);
        }
    }

    /// A report could not be written to disk.
    pub(super) fn unwritten(&self) {
        self.counts().unwritten += 1;
    }

    /// The text format 0.0.4.
    pub(super) fn text(&self, gauges: Gauges) -> String {
        let counts = self.counts();
        let mut text = String::new();
        let mut family = |name: &str, kind: &str, help: &str, lines: &[String]| {
            let _ = writeln!(text, "# HELP runbook_respond_{name} {help}");
            let _ = writeln!(text, "# TYPE runbook_respond_{name} {kind}");
            for line in lines {
                let _ = writeln!(text, "runbook_respond_{line}");
            }
        };
        let notifications = NOTIFICATIONS.map(|result| {
            let count = counts.notifications.get(result).unwrap_or(&0);
            format!("notifications_total{{result=\"{result}\"}} {count}")
        });
        family(
            "notifications_total",
            "counter",
            "Notifications of Alertmanager, by what came of them.",
            &notifications,
        );
        let mut runs = Vec::new();
        for (kind, name) in [(Kind::Diagnosis, "diagnosis"), (Kind::Bundle, "bundle")] {
            for result in RUNS {
                let count = counts.runs.get(&(kind, result)).unwrap_or(&0);
                runs.push(format!(
                    "runs_total{{kind=\"{name}\",result=\"{result}\"}} {count}"
                ));
            }
        }
        family(
            "runs_total",
            "counter",
            "Scripts that were run, by how they ended.",
            &runs,
        );
        family(
            "run_seconds",
            "histogram",
            "How long scripts took.",
            &histogram(&counts),
        );
        let unwritten = counts.unwritten;
        family(
            "report_write_failures_total",
            "counter",
            "Reports that could not be written to disk.",
            &[format!("report_write_failures_total {unwritten}")],
        );
        for (name, help, value) in [
            ("queue_length", "Runs that wait.", gauges.queued),
            ("queue_limit", "How many may wait.", gauges.queue_limit),
            ("running", "Scripts that run now.", gauges.running),
            ("reports", "Reports that are kept.", gauges.reports),
        ] {
            family(name, "gauge", help, &[format!("{name} {value}")]);
        }
        text
    }
}

fn histogram(counts: &Counts) -> Vec<String> {
    let buckets = BUCKETS.iter().zip(counts.buckets);
    let mut lines: Vec<String> = buckets
        .map(|((_, bound), count)| format!("run_seconds_bucket{{le=\"{bound}\"}} {count}"))
        .collect();
    lines.push(format!(
        "run_seconds_bucket{{le=\"+Inf\"}} {}",
        counts.n_seconds
    ));
    lines.push(format!("run_seconds_sum {}", counts.seconds));
    lines.push(format!("run_seconds_count {}", counts.n_seconds));
    lines
}
