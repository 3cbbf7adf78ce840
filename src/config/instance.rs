//! The service under test: how it is put into a sandbox, started, and asked how it is.

use super::{backticked, did_you_mean, time};
use crate::finding::Finding;
use crate::source::{Place, SourceFile};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// `[preprocessor.runbook.instance]`, with the chosen profile laid over it.
///
/// All commands are bash, and run inside the sandbox except `prepare`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Instance {
    /// Run once, outside of the sandbox, in the book's root: builds the instance.
    pub prepare: Option<String>,
    /// Programs or folders of programs that are copied onto the sandbox's PATH.
    pub path: Vec<PathBuf>,
    /// Starts the service and returns.
    pub start: Option<String>,
    /// Stops it.
    pub stop: Option<String>,
    /// Exits 0 once it serves.
    pub ready: Option<String>,
    /// The time that it may take to get ready.
    pub ready_within: Duration,
    /// Prints its version, without it running.
    pub version: Option<String>,
    /// Prints its log; shown when it does not get ready.
    pub log: Option<String>,
    /// Prints its whole log; what it logged is kept with the evidence.
    pub log_all: Option<String>,
    /// Reads lines of its log and prints for each the number of its family, 0 for none.
    pub classify: Option<String>,
    /// Prints its metrics in the Prometheus text format; names and labels are kept with the evidence.
    pub metrics: Option<String>,
    /// Stores the data that every drill starts from.
    pub seed: Option<String>,
    /// Prints what a drill must not change.
    pub invariant: Option<String>,
    /// Prints what is known of a loss of data that the invariant has shown, if anything is.
    pub explain: Option<String>,
    /// The alerts that it can raise; drills of others are not live. All, if not given.
    pub alerts: Option<Vec<String>>,
    /// How long *Verification* may take to see a change of health.
    pub settle: Duration,
    /// Environment variables of every block.
    pub env: BTreeMap<String, String>,
    /// Names that stand for the sandbox's only user.
    pub users: Vec<String>,
    /// Blocks may change the sandbox's own network: `CAP_NET_ADMIN`, `CAP_NET_RAW`.
    pub net_admin: bool,
    /// Size of the sandbox's `/var` in MiB; it is memory, taken only as it is filled.
    pub disk_mib: u64,
    /// Capability to a command that succeeds on a ready instance which has it.
    pub capabilities: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct Raw {
    prepare: Option<String>,
    path: Vec<PathBuf>,
    start: Option<String>,
    stop: Option<String>,
    ready: Option<String>,
    ready_within: Option<String>,
    version: Option<String>,
    log: Option<String>,
    log_all: Option<String>,
    classify: Option<String>,
    metrics: Option<String>,
    seed: Option<String>,
    invariant: Option<String>,
    explain: Option<String>,
    alerts: Option<Vec<String>>,
    settle: Option<String>,
    env: BTreeMap<String, String>,
    users: Vec<String>,
    net_admin: bool,
    disk_mib: Option<u64>,
    capabilities: BTreeMap<String, String>,
}

/// Keys of the table that are tables themselves but no profiles.
const TABLES: &[&str] = &["capabilities", "env"];

/// Splits the profiles from the table and lays the chosen one over the rest.
pub(super) fn read(
    file: &Arc<SourceFile>,
    table: Option<toml::Table>,
    profile: Option<&str>,
) -> Result<Option<Instance>, Finding> {
    let Some(table) = table else {
        return match profile {
            Some(name) => Err(no_profile(file, name, &[])),
            None => Ok(None),
        };
    };
    let (profiles, mut own): (toml::Table, toml::Table) = table
        .into_iter()
        .partition(|(key, value)| value.is_table() && !TABLES.contains(&key.as_str()));
    if let Some(name) = profile {
        let known: Vec<&str> = profiles.keys().map(String::as_str).collect();
        let Some(toml::Value::Table(over)) = profiles.get(name) else {
            return Err(no_profile(file, name, &known));
        };
        own.extend(over.clone());
    }
    let raw: Raw = own.try_into().map_err(|error| unknown(file, &error))?;
    Ok(Some(Instance {
        ready_within: time_or(file, "ready-within", raw.ready_within, 30)?,
        settle: time_or(file, "settle", raw.settle, 2)?,
        prepare: raw.prepare,
        path: raw.path,
        start: raw.start,
        stop: raw.stop,
        ready: raw.ready,
        version: raw.version,
        log: raw.log,
        log_all: raw.log_all,
        classify: raw.classify,
        metrics: raw.metrics,
        seed: raw.seed,
        invariant: raw.invariant,
        explain: raw.explain,
        alerts: raw.alerts,
        env: raw.env,
        users: raw.users,
        net_admin: raw.net_admin,
        disk_mib: raw.disk_mib.unwrap_or(512),
        capabilities: raw.capabilities,
    }))
}

fn time_or(
    file: &Arc<SourceFile>,
    key: &str,
    text: Option<String>,
    seconds: u64,
) -> Result<Duration, Finding> {
    match text {
        Some(text) => time(file, key, &text),
        None => Ok(Duration::from_secs(seconds)),
    }
}

fn no_profile(file: &Arc<SourceFile>, name: &str, known: &[&str]) -> Finding {
    Finding::error_in(
        "config",
        file.path(),
        format!("no instance profile `{name}`"),
    )
    .help(if known.is_empty() {
        format!("add a table `[preprocessor.runbook.instance.{name}]`")
    } else {
        did_you_mean(name, known)
    })
}

fn unknown(file: &Arc<SourceFile>, error: &toml::de::Error) -> Finding {
    let message = error.message();
    let key = backticked(message).unwrap_or_default();
    let at = file.text().find(&format!("\n{key}")).map_or(0, |at| at + 1);
    let place = Place::new(file, at..at + key.len());
    if message.contains("unknown field") {
        let known: Vec<&str> = message.split('`').skip(3).step_by(2).collect();
        Finding::error("config", place, format!("unknown key `{key}`"))
            .help(did_you_mean(key, &known))
    } else {
        Finding::error_in("config", file.path(), message.trim().replace('\n', " "))
            .help("see the guide's table of `book.toml` keys")
    }
}
