//! The keys of the configuration file, and what each may hold.
//!
//! All keys of the real server are here, so that a production file is checked as a whole. The server itself uses
//! only those that `Config` has.

use std::net::{IpAddr, SocketAddr};

use toml::de::DeValue;

use crate::space::SpaceId;

/// What a key may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Bool,
    Text,
    /// Checked by `validate config` and by `start`, but no reason for other commands to fail.
    IpAddress,
    /// Checked like an IP address.
    SocketAddress,
    SpaceId,
    SpaceIds,
    Texts,
    Integer(i64, i64),
    /// A number from 0 to 1.
    Share,
    /// `500ms`, `2s`, `5m`, `1h`.
    Duration,
    OneOf(&'static [&'static str]),
}

const COUNT: Kind = Kind::Integer(0, i64::MAX);

/// Every key with its section.
pub(crate) const KEYS: [(&str, Kind); 75] = [
    ("feature_flags.spreading_api_beta", Kind::Bool),
    ("server.http_bind", Kind::IpAddress),
    ("grpc.enabled", Kind::Bool),
    ("grpc.address", Kind::SocketAddress),
    ("grpc.tls.enabled", Kind::Bool),
    ("grpc.tls.cert_path", Kind::Text),
    ("grpc.tls.key_path", Kind::Text),
    ("memory_spaces.default_space", Kind::SpaceId),
    ("memory_spaces.bootstrap_spaces", Kind::SpaceIds),
    ("persistence.data_root", Kind::Text),
    ("persistence.hot_capacity", Kind::Integer(1_000, 10_000_000)),
    (
        "persistence.warm_capacity",
        Kind::Integer(10_000, 100_000_000),
    ),
    (
        "persistence.cold_capacity",
        Kind::Integer(100_000, 1_000_000_000),
    ),
    ("validation.check_finite_embeddings", Kind::Bool),
    ("validation.check_finite_confidence", Kind::Bool),
    ("validation.clamp_invalid_values", Kind::Bool),
    ("validation.replace_nan_with_zero", Kind::Bool),
    ("storage.indices.enable_checksums", Kind::Bool),
    ("storage.indices.verify_on_load", Kind::Bool),
    ("storage.indices.auto_rebuild_on_corruption", Kind::Bool),
    (
        "persistence.wal_max_file_bytes",
        Kind::Integer(4_096, 1 << 40),
    ),
    ("consolidation.enabled", Kind::Bool),
    (
        "consolidation.check_interval_secs",
        Kind::Integer(1, 86_400),
    ),
    (
        "consolidation.idle_threshold_secs",
        Kind::Integer(0, 604_800),
    ),
    ("consolidation.max_batch_size", Kind::Integer(1, 100_000)),
    (
        "consolidation.pattern_detection.timeout_secs",
        Kind::Integer(1, 3_600),
    ),
    (
        "consolidation.pattern_detection.min_pattern_support",
        Kind::Integer(2, 100_000),
    ),
    ("cluster.enabled", Kind::Bool),
    ("cluster.node_id", Kind::Text),
    ("cluster.discovery.type", Kind::Text),
    ("cluster.discovery.seed_nodes", Kind::Texts),
    ("cluster.swim.ping_interval", Kind::Duration),
    ("cluster.swim.ack_timeout", Kind::Duration),
    ("cluster.swim.suspicion_timeout", Kind::Duration),
    ("cluster.swim.indirect_probes", COUNT),
    ("cluster.swim.gossip_batch", COUNT),
    ("cluster.replication.factor", COUNT),
    ("cluster.replication.timeout", Kind::Duration),
    ("cluster.replication.placement", Kind::Text),
    ("cluster.replication.jump_buckets", COUNT),
    ("cluster.replication.rack_penalty", Kind::Share),
    ("cluster.replication.zone_penalty", Kind::Share),
    ("cluster.replication.lag_threshold", Kind::Duration),
    ("cluster.replication.catch_up_batch_bytes", COUNT),
    ("cluster.replication.compression", Kind::Text),
    ("cluster.replication.io_uring_enabled", Kind::Bool),
    ("cluster.network.swim_bind", Kind::Text),
    ("cluster.network.api_bind", Kind::Text),
    ("cluster.network.max_message_size", COUNT),
    ("cluster.network.connection_pool_size", COUNT),
    ("cluster.partition.majority_threshold", Kind::Share),
    ("cluster.partition.detection_window", Kind::Duration),
    ("cluster.partition.check_interval", Kind::Duration),
    ("router.connection_pool_size", COUNT),
    ("router.request_timeout_ms", COUNT),
    ("router.max_retries", COUNT),
    ("router.retry_base_delay_ms", COUNT),
    ("router.retry_max_delay_ms", COUNT),
    ("router.circuit_breaker_failure_threshold", COUNT),
    ("router.circuit_breaker_reset_ms", COUNT),
    ("router.replica_fallback_enabled", Kind::Bool),
    ("router.replica_fallback_lag_sequences", COUNT),
    ("router.default_read_strategy", Kind::Text),
    ("security.auth_mode", Kind::OneOf(&["none", "api_key"])),
    ("security.rate_limiting", Kind::Bool),
    ("security.api_keys.backend", Kind::Text),
    ("security.api_keys.storage_path", Kind::Text),
    ("security.api_keys.rotation_days", COUNT),
    ("security.api_keys.warn_before_expiry_days", COUNT),
    ("security.cors.allowed_origins", Kind::Texts),
    ("security.cors.allowed_methods", Kind::Texts),
    ("security.cors.allowed_headers", Kind::Texts),
    ("security.cors.max_age_seconds", COUNT),
    ("security.cors.allow_credentials", Kind::Bool),
    ("security.cors.exposed_headers", Kind::Texts),
];

impl Kind {
    /// What is allowed, in words.
    pub(crate) fn allowed(self) -> String {
        match self {
            Self::Bool => "true or false".into(),
            Self::Text => "a text in quotes".into(),
            Self::IpAddress => {
                "an IP address in quotes, such as \"127.0.0.1\" or \"0.0.0.0\"".into()
            }
            Self::SocketAddress => {
                "an IP address and a port in quotes, such as \"0.0.0.0:50051\"".into()
            }
            Self::SpaceId => "a space id: 3 to 64 of a-z, 0-9, _ and -".into(),
            Self::SpaceIds => "a list of space ids, each 3 to 64 of a-z, 0-9, _ and -".into(),
            Self::Texts => "a list of texts in quotes".into(),
            Self::Integer(low, i64::MAX) => format!("a whole number, at least {low}"),
            Self::Integer(low, high) => format!("a whole number from {low} to {high}"),
            Self::Share => "a number from 0 to 1".into(),
            Self::Duration => "a time in quotes, such as \"500ms\", \"2s\" or \"5m\"".into(),
            Self::OneOf(words) => format!("one of \"{}\"", words.join("\", \"")),
        }
    }

    /// Is the value of the right type, so that `load` can take it?
    pub(crate) fn accepts(self, value: &DeValue<'_>) -> bool {
        let text = value.as_str();
        match self {
            Self::Bool => value.as_bool().is_some(),
            Self::Text | Self::IpAddress | Self::SocketAddress => text.is_some(),
            Self::SpaceId => text.is_some_and(is_space_id),
            Self::SpaceIds => texts(value).is_some_and(|ids| ids.iter().all(|id| is_space_id(id))),
            Self::Texts => texts(value).is_some(),
            Self::Integer(low, high) => {
                integer(value).is_some_and(|number| (low..=high).contains(&number))
            }
            Self::Share => number(value).is_some_and(|number| (0.0..=1.0).contains(&number)),
            Self::Duration => text.is_some_and(is_duration),
            Self::OneOf(words) => text.is_some_and(|text| words.contains(&text)),
        }
    }
}

impl Kind {
    /// Would `start` take a text that `accepts` let pass?
    pub(crate) fn starts_with(self, text: &str) -> bool {
        match self {
            Self::IpAddress => text.parse::<IpAddr>().is_ok(),
            Self::SocketAddress => text.parse::<SocketAddr>().is_ok(),
            _ => true,
        }
    }
}

/// The value as a whole number.
pub(crate) fn integer(value: &DeValue<'_>) -> Option<i64> {
    let integer = value.as_integer()?;
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// The value as a list of texts.
pub(crate) fn texts<'value>(value: &'value DeValue<'_>) -> Option<Vec<&'value str>> {
    value
        .as_array()?
        .iter()
        .map(|item| item.get_ref().as_str())
        .collect()
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    match value.as_float() {
        Some(float) => float.as_str().parse().ok(),
        None => integer(value)
            .and_then(|number| i32::try_from(number).ok())
            .map(f64::from),
    }
}

fn is_space_id(text: &str) -> bool {
    text.parse::<SpaceId>().is_ok()
}

fn is_duration(text: &str) -> bool {
    ["ms", "s", "m", "h"].iter().any(|unit| {
        text.strip_suffix(unit)
            .is_some_and(|number| number.parse::<u64>().is_ok())
    })
}
