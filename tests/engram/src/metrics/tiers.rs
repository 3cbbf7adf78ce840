//! What the exposition says about tiers and listeners, space by space. All of it is looked at now.

use super::text::{family, sample};
use crate::space::{Registry, SpaceId, StreamDepth, TierCounts};

type Column<T> = (&'static str, &'static str, &'static str, fn(&T) -> u64);

const TIERS: [Column<TierCounts>; 5] = [
    (
        "engram_hot_tier_memories",
        "gauge",
        "Memories of an open space that are in RAM.",
        |tiers| tiers.hot as u64,
    ),
    (
        "engram_hot_tier_capacity",
        "gauge",
        "How many memories of a space may be in RAM.",
        |tiers| tiers.capacity as u64,
    ),
    (
        "engram_cold_tier_memories",
        "gauge",
        "Memories of an open space that are only in its file.",
        |tiers| tiers.cold as u64,
    ),
    (
        "engram_hot_tier_hits_total",
        "counter",
        "Uses of a memory that was in RAM.",
        |tiers| tiers.hits,
    ),
    (
        "engram_hot_tier_misses_total",
        "counter",
        "Uses of a memory that had to be read from the file.",
        |tiers| tiers.misses,
    ),
];

const STREAMS: [Column<StreamDepth>; 3] = [
    (
        "engram_stream_subscribers",
        "gauge",
        "Who listens to what is stored in an open space.",
        |depth| depth.listeners as u64,
    ),
    (
        "engram_stream_queue_depth",
        "gauge",
        "Events that the listeners of a space have not read yet.",
        |depth| depth.events,
    ),
    (
        "engram_stream_queue_bytes",
        "gauge",
        "The memory of the events that were not read yet, without overhead.",
        |depth| depth.bytes,
    ),
];

/// Both tables.
pub(super) fn tiers(text: &mut String, registry: &Registry) {
    let spaces = registry.loaded();
    let tiers: Vec<_> = spaces
        .iter()
        .map(|space| (&space.id, space.tiers()))
        .collect();
    let depths: Vec<_> = spaces
        .iter()
        .map(|space| (&space.id, space.stream().depth()))
        .collect();
    table(text, &TIERS, &tiers);
    table(text, &STREAMS, &depths);
}

fn table<T>(text: &mut String, columns: &[Column<T>], rows: &[(&SpaceId, T)]) {
    for (name, kind, help, value) in columns {
        family(text, name, kind, help);
        for (id, row) in rows {
            sample(text, name, &[("memory_space", id.as_str())], value(row));
        }
    }
}
