//! The configuration file: `$XDG_CONFIG_HOME/engram/config.toml`, or the same below `~/.config`.
//!
//! There need not be one. If there is, every command reads it first, and fails if it is broken.

mod consolidation;
mod grpc;
mod keys;
mod reader;

use std::io;
use std::path::{Path, PathBuf};

pub(crate) use consolidation::ConsolidationConfig;
pub(crate) use grpc::{GrpcConfig, TlsConfig};
pub(crate) use reader::{Finding, Severity, read};

use crate::index;
use crate::space::SpaceId;
use crate::validation;
use crate::wal::Limits;

/// What the server uses of the configuration.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The address to listen on. Checked at the start only, as the real server does.
    pub(crate) http_bind: String,
    /// The sections `[grpc]` and `[grpc.tls]`.
    pub(crate) grpc: GrpcConfig,
    /// The space of requests that name none.
    pub(crate) default_space: SpaceId,
    /// The spaces that are opened at the start.
    pub(crate) bootstrap_spaces: Vec<SpaceId>,
    /// How many memories of a space may be in RAM.
    pub(crate) hot_capacity: u64,
    /// The size in bytes at which a log file is closed and a new one begun.
    pub(crate) wal_max_file_bytes: u64,
    /// The sections `[consolidation]` and `[consolidation.pattern_detection]`.
    pub(crate) consolidation: ConsolidationConfig,
    /// `[validation]`.
    pub(crate) validation: validation::Settings,
    /// `ENGRAM_READONLY`: nothing may be stored.
    pub(crate) read_only: bool,
    /// `[storage.indices]`.
    pub(crate) indices: index::Settings,
    /// Kept, and shown by `config list`. Nothing depends on it.
    pub(crate) spreading_api_beta: bool,
}

impl Config {
    /// When a new log file is begun: at a size, and with as many records as one batch of consolidation has.
    pub(crate) fn wal_limits(&self) -> Limits {
        Limits {
            bytes: self.wal_max_file_bytes,
            records: self.consolidation.max_batch_size as u64,
        }
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("failed to load CLI configuration")]
    Unreadable(#[source] ReadError),
    /// The file holds something that is not allowed.
    #[error("failed to load CLI configuration")]
    Invalid(#[source] Findings),
}

/// The file, and why it cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("Failed to read configuration file {path}: {source_text}")]
pub(crate) struct ReadError {
    path: PathBuf,
    source_text: String,
}

/// All that is wrong with a file, a line each.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub(crate) struct Findings(pub(crate) Vec<Finding>);

/// Where the file is, whether it is there or not.
pub(crate) fn path() -> PathBuf {
    let directory = std::env::var_os("XDG_CONFIG_HOME")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from);
    let home = || std::env::home_dir().unwrap_or_default().join(".config");
    directory.unwrap_or_else(home).join("engram/config.toml")
}

/// The configuration of the file, or the defaults if there is none.
pub(crate) fn load(path: &Path) -> Result<Config, ConfigError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            String::new()
        }
        Err(error) => {
            let error = ReadError {
                path: path.to_path_buf(),
                source_text: error.to_string(),
            };
            return Err(ConfigError::Unreadable(error));
        }
    };
    let (config, findings) = read(path, &text);
    let errors: Vec<Finding> = findings
        .into_iter()
        .filter(|finding| finding.severity == Severity::Error)
        .collect();
    match config {
        Some(config) if errors.is_empty() => Ok(config),
        _ => Err(ConfigError::Invalid(Findings(errors))),
    }
}
