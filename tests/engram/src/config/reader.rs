//! The file read and judged: all findings at once, each at its line and column.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::keys::{self, KEYS, Kind};
use super::{Config, ConsolidationConfig, GrpcConfig};
use crate::space::SpaceId;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    /// No command works with it.
    Error,
    /// `start` does not work with it, or the server lacks a part; other commands do.
    AtStart,
    /// It asks for something that this server does not do. `start` does not work with it.
    NotServed,
    /// It has no effect.
    Warning,
}

/// One thing that is wrong with the file.
#[derive(Debug)]
pub(crate) struct Finding {
    /// How bad it is.
    pub(crate) severity: Severity,
    path: PathBuf,
    line: usize,
    column: usize,
    message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}:{}:{}: {}",
            self.path.display(),
            self.line,
            self.column,
            self.message
        )
    }
}

/// Reads a file's text. The configuration is `None` if the text is not TOML; else wrong values are left out.
pub(crate) fn read(path: &Path, text: &str) -> (Option<Config>, Vec<Finding>) {
    let mut reader = Reader {
        path,
        text,
        findings: Vec::new(),
        config: Config::default(),
    };
    match DeTable::parse(text) {
        Ok(table) => {
            reader.table("", table.get_ref());
            reader.tls(table.get_ref());
            (Some(reader.config), reader.findings)
        }
        Err(error) => {
            reader.find(
                Severity::Error,
                error.span().unwrap_or(0..0),
                error.to_string().trim_end().to_owned(),
            );
            (None, reader.findings)
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        let default: SpaceId = "default".parse().expect("this is a space id");
        Self {
            http_bind: "127.0.0.1".into(),
            bootstrap_spaces: vec![default.clone()],
            default_space: default,
            hot_capacity: 100_000,
            validation: crate::validation::Settings::default(),
            read_only: false,
            indices: crate::index::Settings::default(),
            grpc: GrpcConfig::default(),
            wal_max_file_bytes: 16 << 20,
            consolidation: ConsolidationConfig::default(),
            spreading_api_beta: true,
        }
    }
}

struct Reader<'text> {
    path: &'text Path,
    text: &'text str,
    findings: Vec<Finding>,
    config: Config,
}

impl Reader<'_> {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let name = if prefix.is_empty() {
                key.get_ref().to_string()
            } else {
                format!("{prefix}.{}", key.get_ref())
            };
            let known = KEYS.iter().find(|(known, _)| *known == name);
            let is_section = KEYS.iter().any(|(known, _)| {
                known
                    .strip_prefix(&name)
                    .is_some_and(|rest| rest.starts_with('.'))
            });
            match (known, value.get_ref()) {
                (Some((_, kind)), found) => self.value(&name, *kind, found, value.span()),
                (None, DeValue::Table(inner)) if is_section => self.table(&name, inner),
                (None, _) if is_section => {
                    self.find(
                        Severity::Error,
                        value.span(),
                        format!("{name}: must be a section, written as [{name}]"),
                    );
                }
                (None, _) => self.find(
                    Severity::Warning,
                    key.span(),
                    format!("unknown key {name} is ignored"),
                ),
            }
        }
    }

    /// Keys that one needs because of another.
    fn tls(&mut self, table: &DeTable<'_>) {
        let tls = section(table, "grpc").and_then(|grpc| section(grpc, "tls"));
        let enabled = tls.and_then(|tls| tls.get("enabled"));
        if let (Some(enabled), Some(missing)) = (enabled, self.config.grpc.tls.missing()) {
            let message = format!("grpc.tls.enabled = true: needs {missing}");
            self.find(Severity::AtStart, enabled.span(), message);
        }
    }

    fn value(&mut self, name: &str, kind: Kind, value: &DeValue<'_>, span: Range<usize>) {
        let as_written = self.text.get(span.clone()).unwrap_or_default();
        let refusal = format!("{name} = {as_written}: must be {}", kind.allowed());
        if !kind.accepts(value) {
            self.find(Severity::Error, span, refusal);
            return;
        }
        if !kind.starts_with(value.as_str().unwrap_or_default()) {
            self.find(Severity::AtStart, span, refusal);
        } else if let Some(feature) = not_served(name, value) {
            let message = format!("{name} = {as_written}: this server does not have {feature}");
            self.find(Severity::NotServed, span, message);
        }
        self.keep(name, value);
    }

    fn keep(&mut self, name: &str, value: &DeValue<'_>) {
        let config = &mut self.config;
        let on = value.as_bool().unwrap_or_default();
        match name {
            "server.http_bind" => value
                .as_str()
                .unwrap_or_default()
                .clone_into(&mut config.http_bind),
            "feature_flags.spreading_api_beta" => {
                config.spreading_api_beta = on;
            }
            "validation.check_finite_embeddings" => config.validation.check_embeddings = on,
            "validation.check_finite_confidence" => config.validation.check_confidence = on,
            "validation.clamp_invalid_values" => config.validation.repair.clamp = on,
            "validation.replace_nan_with_zero" => config.validation.repair.replace_nan = on,
            "storage.indices.enable_checksums" => config.indices.enable_checksums = on,
            "storage.indices.verify_on_load" => config.indices.verify_on_load = on,
            "storage.indices.auto_rebuild_on_corruption" => {
                config.indices.auto_rebuild_on_corruption = on;
            }
            "persistence.hot_capacity" => {
                config.hot_capacity = keys::integer(value)
                    .and_then(|number| number.try_into().ok())
                    .unwrap_or(1);
            }
            "persistence.wal_max_file_bytes" => {
                config.wal_max_file_bytes = keys::integer(value)
                    .and_then(|number| number.try_into().ok())
                    .unwrap_or(config.wal_max_file_bytes);
            }
            "memory_spaces.default_space" => {
                config.default_space = value
                    .as_str()
                    .and_then(|id| id.parse().ok())
                    .unwrap_or(config.default_space.clone());
            }
            "memory_spaces.bootstrap_spaces" => {
                let ids = keys::texts(value).unwrap_or_default();
                config.bootstrap_spaces = ids.iter().filter_map(|id| id.parse().ok()).collect();
            }
            _ => {
                config.grpc.keep(name, value);
                config.consolidation.keep(name, value);
            }
        }
    }

    fn find(&mut self, severity: Severity, span: Range<usize>, message: String) {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        self.findings.push(Finding {
            severity,
            path: self.path.to_path_buf(),
            line,
            column,
            message,
        });
    }
}

fn section<'table, 'text>(
    table: &'table DeTable<'text>,
    name: &str,
) -> Option<&'table DeTable<'text>> {
    table.get(name)?.get_ref().as_table()
}

/// Settings that promise something which this server does not do. To ignore them would be a lie, the first one a
/// dangerous one.
fn not_served(name: &str, value: &DeValue<'_>) -> Option<&'static str> {
    match name {
        "security.auth_mode" if value.as_str() == Some("api_key") => {
            Some("authentication by API keys")
        }
        "security.rate_limiting" if value.as_bool() == Some(true) => Some("rate limiting"),
        "cluster.enabled" if value.as_bool() == Some(true) => Some("clusters"),
        _ => None,
    }
}
