//! `GET /metrics/prometheus`: the Prometheus text format, version 0.0.4.

use std::fmt::{Display, Write};

use super::tiers::tiers;
use super::{BUCKETS, Histogram, Inner, Listening, Metrics, storage};
use crate::consolidation::Consolidator;
use crate::index;
use crate::process::Process;
use crate::space::{Registry, SpaceId};

/// All metrics as text. Spaces and the process are looked at now.
pub(crate) fn exposition(
    metrics: &Metrics,
    registry: &Registry,
    consolidator: &Consolidator,
) -> String {
    let mut text = String::new();
    family(
        &mut text,
        "engram_build_info",
        "gauge",
        "Always 1; the label tells the version.",
    );
    sample(
        &mut text,
        "engram_build_info",
        &[("version", env!("CARGO_PKG_VERSION"))],
        1,
    );
    grpc(&mut text, metrics.grpc());
    operations(&mut text, &metrics.lock());
    recovery(&mut text, &metrics.lock());
    spaces(&mut text, registry);
    indices(&mut text, registry);
    tiers(&mut text, registry);
    storage::logs(&mut text, registry, consolidator);
    storage::consolidation(&mut text, consolidator);
    storage::disk(&mut text, registry);
    nonfinite(&mut text, registry);
    process(&mut text, &Process::read());
    text
}

fn grpc(text: &mut String, listening: Listening) {
    let name = "engram_grpc_up";
    family(
        text,
        name,
        "gauge",
        "1 while the server listens for gRPC; 0 if it cannot, or shall not.",
    );
    sample(text, name, &[], u8::from(listening == Listening::On));
}

fn operations(text: &mut String, inner: &Inner) {
    let name = "engram_memory_operations_total";
    family(
        text,
        name,
        "counter",
        "Operations on memories; status is ok, rejected (4xx) or error (5xx).",
    );
    for (key, count) in &inner.operations {
        let labels = [
            ("memory_space", key.space.as_str()),
            ("operation", key.operation),
            ("status", key.outcome.as_str()),
        ];
        sample(text, name, &labels, count);
    }
    let name = "engram_memory_operation_duration_seconds";
    family(
        text,
        name,
        "histogram",
        "How long operations on memories took, until the answer was ready.",
    );
    for (operation, durations) in &inner.durations {
        histogram(text, name, &[("operation", operation)], durations);
    }
}

fn recovery(text: &mut String, inner: &Inner) {
    let name = "engram_wal_recovery_successes_total";
    family(
        text,
        name,
        "counter",
        "Spaces whose write-ahead log was read when they were opened.",
    );
    sample(text, name, &[], inner.recovery_successes);
    let name = "engram_wal_recovery_failures_total";
    family(
        text,
        name,
        "counter",
        "Attempts to open a space that failed on its write-ahead log.",
    );
    sample(text, name, &[], inner.recovery_failures);
    let name = "engram_wal_recovery_duration_seconds";
    family(
        text,
        name,
        "histogram",
        "How long the reading of a write-ahead log took.",
    );
    histogram(text, name, &[], &inner.recovery_duration);
}

fn spaces(text: &mut String, registry: &Registry) {
    let loaded = registry.loaded();
    family(text, "engram_spaces", "gauge", "Spaces that are open.");
    sample(text, "engram_spaces", &[], loaded.len());
    family(
        text,
        "engram_space_memories",
        "gauge",
        "Memories of an open space.",
    );
    for space in &loaded {
        sample(
            text,
            "engram_space_memories",
            &[("memory_space", space.id.as_str())],
            space.count(),
        );
    }
    let name = "engram_space_unavailable";
    family(
        text,
        name,
        "gauge",
        "1 if the last attempt to open a space failed.",
    );
    for (id, unavailable) in registry.availability() {
        sample(
            text,
            name,
            &[("memory_space", id.as_str())],
            u8::from(unavailable),
        );
    }
}

fn indices(text: &mut String, registry: &Registry) {
    let reports: Vec<(SpaceId, index::Report)> = registry
        .loaded()
        .iter()
        .map(|space| (space.id.clone(), space.index.report()))
        .collect();
    let name = "engram_index_fallback_active";
    family(
        text,
        name,
        "gauge",
        "1 if searches in a space read all memories, because its index cannot be used.",
    );
    for (id, report) in &reports {
        let active = report.status != index::Status::Healthy;
        sample(
            text,
            name,
            &[("memory_space", id.as_str())],
            u8::from(active),
        );
    }
    let name = "engram_index_queries_total";
    let help = "Searches that used the index, and searches that read all memories.";
    family(text, name, "counter", help);
    for (id, report) in &reports {
        for (mode, count) in report.queries {
            let labels = [("memory_space", id.as_str()), ("mode", mode)];
            sample(text, name, &labels, count);
        }
    }
    let name = "engram_index_rebuilds_total";
    family(
        text,
        name,
        "counter",
        "Rebuilds of an index; status is ok or failed.",
    );
    for (id, report) in &reports {
        for (status, count) in report.rebuilds {
            let labels = [("memory_space", id.as_str()), ("status", status)];
            sample(text, name, &labels, count);
        }
    }
}

fn nonfinite(text: &mut String, registry: &Registry) {
    let name = "engram_nonfinite_embeddings";
    let help = "Memories of an open space with NaN or Infinity in embedding or confidence.";
    family(text, name, "gauge", help);
    for space in registry.loaded() {
        let labels = [("memory_space", space.id.as_str())];
        sample(text, name, &labels, space.guard.flawed_count());
    }
    let name = "engram_nonfinite_writes_total";
    let help = "Writes with NaN or Infinity: action is refused, sanitised or stored.";
    family(text, name, "counter", help);
    for space in registry.loaded() {
        for (action, count) in space.guard.counts() {
            let labels = [("memory_space", space.id.as_str()), ("action", action)];
            sample(text, name, &labels, count);
        }
    }
}

fn process(text: &mut String, process: &Process) {
    optional(
        text,
        "process_resident_memory_bytes",
        "gauge",
        "Resident memory size in bytes.",
        process.resident_bytes,
    );
    optional(
        text,
        "engram_process_anonymous_memory_bytes",
        "gauge",
        "Resident memory that is no copy of a file, in bytes.",
        process.anonymous_bytes,
    );
    optional(
        text,
        "process_open_fds",
        "gauge",
        "Number of open file descriptors.",
        process.open_fds,
    );
    optional(
        text,
        "process_max_fds",
        "gauge",
        "Maximum number of open file descriptors.",
        process.max_fds,
    );
    let help = "Start time of the process since unix epoch in seconds.";
    optional(
        text,
        "process_start_time_seconds",
        "gauge",
        help,
        process.start_time_seconds,
    );
    let help = "Total user and system CPU time spent in seconds.";
    optional(
        text,
        "process_cpu_seconds_total",
        "counter",
        help,
        process.cpu_seconds,
    );
}

fn optional(text: &mut String, name: &str, kind: &str, help: &str, value: Option<impl Display>) {
    if let Some(value) = value {
        family(text, name, kind, help);
        sample(text, name, &[], value);
    }
}

/// Begins a family of metrics.
pub(super) fn family(text: &mut String, name: &str, kind: &str, help: &str) {
    let _infallible = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// Label values are space ids, operations and versions of ours: none needs escaping.
pub(super) fn sample(text: &mut String, name: &str, labels: &[(&str, &str)], value: impl Display) {
    let labels: Vec<String> = labels
        .iter()
        .map(|(label, value)| format!("{label}=\"{value}\""))
        .collect();
    let labels = if labels.is_empty() {
        String::new()
    } else {
        format!("{{{}}}", labels.join(","))
    };
    let _infallible = writeln!(text, "{name}{labels} {value}");
}

fn histogram(text: &mut String, name: &str, labels: &[(&str, &str)], histogram: &Histogram) {
    let mut below = 0;
    for (bound, count) in BUCKETS.iter().zip(histogram.buckets) {
        below += count;
        let bound = bound.to_string();
        sample(
            text,
            &format!("{name}_bucket"),
            &[labels, &[("le", bound.as_str())]].concat(),
            below,
        );
    }
    sample(
        text,
        &format!("{name}_bucket"),
        &[labels, &[("le", "+Inf")]].concat(),
        histogram.count,
    );
    sample(text, &format!("{name}_sum"), labels, histogram.sum);
    sample(text, &format!("{name}_count"), labels, histogram.count);
}
