//! The part of the exposition that tells of logs, consolidation and the disk.

use super::text::{family, sample};
use crate::consolidation::{Consolidator, State, Stats};
use crate::space::Registry;

/// The log of each open space.
pub(super) fn logs(text: &mut String, registry: &Registry, consolidator: &Consolidator) {
    let loaded = registry.loaded();
    let mut gauge = |name: &str, help: &str, value: &dyn Fn(&crate::space::Space) -> String| {
        family(text, name, "gauge", help);
        for space in &loaded {
            sample(
                text,
                name,
                &[("memory_space", space.id.as_str())],
                value(space),
            );
        }
    };
    gauge(
        "engram_wal_lag_seconds",
        "How long the oldest record of a space is overdue for consolidation; 0 if none is.",
        &|space| {
            let lag = consolidator.config.lag(space.log().oldest_ns);
            lag.as_secs_f64().to_string()
        },
    );
    gauge(
        "engram_wal_files",
        "Log files of a space, with the one that is written to.",
        &|space| space.log().files.to_string(),
    );
    gauge(
        "engram_wal_bytes",
        "Bytes in the log files of a space.",
        &|space| space.log().bytes.to_string(),
    );
    gauge(
        "engram_wal_records",
        "Records in the log files of a space: what is not consolidated.",
        &|space| space.log().records.to_string(),
    );
}

/// The worker.
pub(super) fn consolidation(text: &mut String, consolidator: &Consolidator) {
    let config = &consolidator.config;
    let stats: &Stats = &consolidator.stats();
    let name = "engram_consolidation_cycles_total";
    let help = "Consolidation cycles that ended well, those with nothing to do among them.";
    family(text, name, "counter", help);
    sample(text, name, &[], stats.cycles);
    let name = "engram_consolidation_failures_total";
    let help = "How often a space could not be consolidated.";
    family(text, name, "counter", help);
    for (reason, count) in &stats.failures {
        sample(text, name, &[("reason", reason)], count);
    }
    let name = "engram_consolidation_memories_total";
    family(text, name, "counter", "Memories that were consolidated.");
    sample(text, name, &[], stats.memories);
    let mut gauge = |name: &str, help: &str, value: f64| {
        family(text, name, "gauge", help);
        sample(text, name, &[], value);
    };
    gauge(
        "engram_consolidation_last_success_timestamp_seconds",
        "When the last cycle ended well, in seconds since 1970; 0 if none has since the start.",
        stats
            .last_success
            .map_or(0.0, |at| at.as_duration().as_secs_f64()),
    );
    gauge(
        "engram_consolidation_enabled",
        "1 if the worker runs, 0 if the configuration does not want it.",
        f64::from(u8::from(stats.state != State::Disabled)),
    );
    gauge(
        "engram_consolidation_waits_for_lock",
        "1 if another process holds the lock of consolidation.",
        f64::from(u8::from(stats.state == State::WaitingForLock)),
    );
    gauge(
        "engram_consolidation_check_interval_seconds",
        "How long the worker pauses between two cycles, as configured.",
        config.check_interval.as_secs_f64(),
    );
}

/// The file system of the data directory, as `df` shows it.
pub(super) fn disk(text: &mut String, registry: &Registry) {
    let Ok(disk) = rustix::fs::statvfs(registry.data_dir()) else {
        return;
    };
    let name = "engram_data_disk_size_bytes";
    family(
        text,
        name,
        "gauge",
        "Size of the file system of the data directory.",
    );
    sample(text, name, &[], disk.f_blocks.saturating_mul(disk.f_frsize));
    let name = "engram_data_disk_free_bytes";
    let help = "What is free there for programs without special rights.";
    family(text, name, "gauge", help);
    sample(text, name, &[], disk.f_bavail.saturating_mul(disk.f_frsize));
}
