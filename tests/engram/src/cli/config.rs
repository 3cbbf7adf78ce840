//! `engram config get|set|list|path`: the four keys that the command line knows.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::ConfigCommand;
use crate::config::{Config, Finding, Findings, Severity, read};
use crate::out;

const SPREADING: &str = "feature_flags.spreading_api_beta";
const HTTP_BIND: &str = "server.http_bind";
const DEFAULT_SPACE: &str = "memory_spaces.default_space";
const BOOTSTRAP_SPACES: &str = "memory_spaces.bootstrap_spaces";

#[derive(Debug, thiserror::Error)]
enum ConfigCommandError {
    #[error(
        "unknown configuration key '{0}' (known: {SPREADING}, {DEFAULT_SPACE}, {BOOTSTRAP_SPACES}, {HTTP_BIND})"
    )]
    UnknownKey(String),
    #[error("invalid value for {0}")]
    Value(String, #[source] Findings),
    #[error("Failed to write configuration file {0}")]
    Write(PathBuf, #[source] io::Error),
}

/// Runs one of the commands on a file that was loaded.
pub(super) fn run(
    path: &Path,
    config: &Config,
    command: ConfigCommand,
) -> Result<(), Box<dyn Error>> {
    match command {
        ConfigCommand::Get { key } => out::line(&get(config, &key)?),
        ConfigCommand::Set { key, value } => set(path, config, &key, &value)?,
        ConfigCommand::List => {
            out::line("[feature_flags]");
            out::line(&format!(
                "spreading_api_beta = {}",
                config.spreading_api_beta
            ));
            out::line("");
            out::line("[memory_spaces]");
            out::line(&format!("default_space = \"{}\"", config.default_space));
            out::line(&format!("bootstrap_spaces = {}", ids(config)));
        }
        ConfigCommand::Path => out::line(&path.display().to_string()),
        ConfigCommand::Validate(_) => {}
    }
    Ok(())
}

fn get(config: &Config, key: &str) -> Result<String, ConfigCommandError> {
    match key {
        SPREADING => Ok(config.spreading_api_beta.to_string()),
        HTTP_BIND => Ok(config.http_bind.clone()),
        DEFAULT_SPACE => Ok(config.default_space.to_string()),
        BOOTSTRAP_SPACES => Ok(ids(config)),
        other => Err(ConfigCommandError::UnknownKey(other.to_owned())),
    }
}

fn set(path: &Path, config: &Config, key: &str, value: &str) -> Result<(), ConfigCommandError> {
    get(config, key)?;
    let new = match key {
        SPREADING => value
            .parse()
            .map_or_else(|_| Value::String(value.to_owned()), Value::Boolean),
        BOOTSTRAP_SPACES => Value::Array(
            value
                .split(',')
                .map(|id| Value::String(id.trim().to_owned()))
                .collect(),
        ),
        _ => Value::String(value.to_owned()),
    };
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let mut table: Table = text.parse().unwrap_or_default();
    if let Some((section, name)) = key.split_once('.') {
        let section = table
            .entry(section)
            .or_insert_with(|| Value::Table(Table::new()));
        if let Some(section) = section.as_table_mut() {
            section.insert(name.to_owned(), new);
        }
    }
    let text = table.to_string();
    let refused = |finding: &Finding| finding.severity != Severity::Warning;
    let (_, findings) = read(path, &text);
    let findings: Vec<Finding> = findings.into_iter().filter(refused).collect();
    if !findings.is_empty() {
        return Err(ConfigCommandError::Value(
            key.to_owned(),
            Findings(findings),
        ));
    }
    replace(path, &text).map_err(|error| ConfigCommandError::Write(path.to_path_buf(), error))?;
    out::line(&format!("Set {key} = {value}"));
    Ok(())
}

/// Writes the file beside its place, then moves it there: a full disk does not leave half a file.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let unfinished = path.with_extension("toml.tmp");
    std::fs::write(&unfinished, text)?;
    std::fs::rename(unfinished, path)
}

fn ids(config: &Config) -> String {
    let ids: Vec<String> = config
        .bootstrap_spaces
        .iter()
        .map(|id| format!("\"{id}\""))
        .collect();
    format!("[{}]", ids.join(", "))
}
