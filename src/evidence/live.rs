//! The record of a live drill: which alert fired, where its link led, and how long all took.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What the alerting programs did in a drill.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LiveRecord {
    /// The programs that ran.
    pub services: Vec<String>,
    /// What their `version` commands printed, of those that have one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, String>,
    /// What all times of their files were divided by.
    pub scale: u32,
    /// The alert that fired.
    pub alert: String,
    /// Its link, as it arrived in Alertmanager.
    pub link: String,
    /// The page of the built site that the link opened.
    pub opened: PathBuf,
    /// Milliseconds from the fault until it fired in Prometheus.
    pub fired_ms: u64,
    /// Milliseconds from the start of *Resolution* until *Verification* passed.
    pub fixed_ms: Option<u64>,
    /// Milliseconds from then until it was resolved in Prometheus and Alertmanager.
    pub resolved_ms: Option<u64>,
}

impl LiveRecord {
    /// Whether its alert fired, opened the page, and was resolved.
    pub fn is_whole(&self) -> bool {
        self.resolved_ms.is_some()
    }
}
