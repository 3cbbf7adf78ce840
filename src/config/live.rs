//! `[preprocessor.runbook.live]`: the alerting programs that live drills run beside the instance.

use super::time;
use crate::finding::Finding;
use crate::source::SourceFile;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A program that runs beside the instance in a live drill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Bash that runs it in the foreground, in a folder of its own.
    pub run: String,
    /// Exits 0 once it serves; always where `None`.
    pub ready: Option<String>,
    /// The time that it may take to get ready.
    pub ready_within: Duration,
    /// Prints its version, without it running.
    pub version: Option<String>,
    /// The program that must be on the PATH.
    pub program: Option<String>,
    /// Debian's package that has it.
    pub package: Option<String>,
}

/// How live drills are played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveConfig {
    /// What the times of `files` are divided by.
    pub scale: u32,
    /// What the services read, relative to the root: put into one folder, with their times divided.
    pub files: Vec<PathBuf>,
    /// The address of Prometheus' HTTP API in the sandbox, without a final slash.
    pub prometheus: String,
    /// The same of Alertmanager.
    pub alertmanager: String,
    /// Where one of the services serves the built site, with a final slash.
    pub site: String,
    /// How long an alert may take to fire, and to resolve.
    pub within: Duration,
    /// What issue pages may name in `services`.
    pub services: BTreeMap<String, Service>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct Raw {
    scale: Option<u32>,
    files: Vec<PathBuf>,
    prometheus: Option<String>,
    alertmanager: Option<String>,
    site: Option<String>,
    within: Option<String>,
    services: BTreeMap<String, RawService>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct RawService {
    run: String,
    ready: Option<String>,
    ready_within: Option<String>,
    version: Option<String>,
    program: Option<String>,
    package: Option<String>,
}

/// Reads the table.
pub(super) fn read(file: &Arc<SourceFile>, raw: Raw) -> Result<LiveConfig, Finding> {
    let scale = raw.scale.unwrap_or(1);
    if scale == 0 {
        return Err(Finding::error_in(
            "config",
            file.path(),
            "`scale` of `[preprocessor.runbook.live]` is 0",
        )
        .help("write what times are to be divided by, such as 60"));
    }
    let address = |given: Option<String>, port: u16| {
        let address = given.unwrap_or_else(|| format!("http://127.0.0.1:{port}"));
        address.trim_end_matches('/').to_owned()
    };
    let prometheus = address(raw.prometheus, 9090);
    let site = match raw.site {
        Some(site) => format!("{}/", site.trim_end_matches('/')),
        None => format!("{prometheus}/user/"),
    };
    let services = raw.services.into_iter().map(|(name, raw)| {
        let service = Service {
            ready_within: seconds_or(file, "ready-within", raw.ready_within, 30)?,
            run: raw.run,
            ready: raw.ready,
            version: raw.version,
            program: raw.program,
            package: raw.package,
        };
        Ok((name, service))
    });
    Ok(LiveConfig {
        scale,
        files: raw.files,
        alertmanager: address(raw.alertmanager, 9093),
        prometheus,
        site,
        within: seconds_or(file, "within", raw.within, 60)?,
        services: services.collect::<Result<_, Finding>>()?,
    })
}

fn seconds_or(
    file: &Arc<SourceFile>,
    key: &str,
    text: Option<String>,
    seconds: u64,
) -> Result<Duration, Finding> {
    text.map_or(Ok(Duration::from_secs(seconds)), |text| {
        time(file, key, &text)
    })
}
