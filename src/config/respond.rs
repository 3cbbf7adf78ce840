//! `[preprocessor.runbook.respond]`: what is run when Alertmanager calls, and what is kept of it.

use super::time;
use crate::finding::Finding;
use crate::source::{Place, SourceFile};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A program and its arguments. No shell reads them.
pub type Argv = Vec<String>;

/// How alerts are answered on the machine that has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RespondConfig {
    /// Where Alertmanager's notifications are taken.
    pub listen: SocketAddr,
    /// The values of the label `severity` that are answered.
    pub severities: Vec<String>,
    /// The diagnostic script; empty where none is named.
    pub command: Argv,
    /// The diagnostic scripts of pages that have their own, by the page's path below `src`.
    pub commands: BTreeMap<String, Argv>,
    /// What is run, too, if the page's severity is SEV1; empty where nothing is.
    pub bundle: Argv,
    /// A script that runs longer is killed.
    pub timeout: Duration,
    /// How many runs may wait.
    pub queue: usize,
    /// How many scripts run at a time.
    pub workers: usize,
    /// How many reports are kept.
    pub keep: usize,
    /// Where reports are kept.
    pub reports: Option<PathBuf>,
    /// A file with the token that clients must show.
    pub token_file: Option<PathBuf>,
    /// How long a client may take to send a request.
    pub client_timeout: Duration,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawArgv {
    Program(String),
    List(Vec<String>),
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct Raw {
    listen: Option<String>,
    severities: Option<Vec<String>>,
    command: Option<RawArgv>,
    commands: BTreeMap<String, RawArgv>,
    bundle: Option<RawArgv>,
    timeout: Option<String>,
    queue: Option<usize>,
    workers: Option<usize>,
    keep: Option<usize>,
    reports: Option<PathBuf>,
    token_file: Option<PathBuf>,
    client_timeout: Option<String>,
}

pub(super) fn read(file: &Arc<SourceFile>, raw: Raw) -> Result<RespondConfig, Finding> {
    let listen = match &raw.listen {
        None => SocketAddr::from((Ipv4Addr::LOCALHOST, 9095)),
        Some(text) => text.parse().map_err(|_| {
            let title = format!("`listen` is no address with a port: `{text}`");
            invalid(file, "listen", title, "write it like `127.0.0.1:9095`")
        })?,
    };
    let duration = |key: &str, text: Option<String>, default: u64| match text {
        Some(text) => time(file, key, &text),
        None => Ok(Duration::from_secs(default)),
    };
    let commands = raw.commands.into_iter().map(|(page, command)| {
        let command = argv(file, "commands", Some(command))?;
        Ok((page, command))
    });
    Ok(RespondConfig {
        listen,
        severities: raw
            .severities
            .unwrap_or_else(|| vec!["critical".to_owned()]),
        command: argv(file, "command", raw.command)?,
        commands: commands.collect::<Result<_, Finding>>()?,
        bundle: argv(file, "bundle", raw.bundle)?,
        timeout: duration("timeout", raw.timeout, 120)?,
        queue: at_least_one(file, "queue", raw.queue, 64)?,
        workers: at_least_one(file, "workers", raw.workers, 1)?,
        keep: at_least_one(file, "keep", raw.keep, 200)?,
        reports: raw.reports,
        token_file: raw.token_file,
        client_timeout: duration("client-timeout", raw.client_timeout, 10)?,
    })
}

/// A script beside the book would be another one after the next `cd`; so it is a name or absolute.
fn argv(file: &Arc<SourceFile>, key: &str, raw: Option<RawArgv>) -> Result<Argv, Finding> {
    let argv = match raw {
        None => return Ok(Vec::new()),
        Some(RawArgv::Program(program)) => vec![program],
        Some(RawArgv::List(argv)) => argv,
    };
    let program = argv.first().map_or("", String::as_str);
    let help = "name a program on PATH or its absolute path; arguments are further entries of a list, as in `[\"collect.sh\", \"--output\", \".\"]`";
    if program.is_empty() || program.contains(char::is_whitespace) {
        let title = format!("`{key}` names no program: `{program}`");
        return Err(invalid(file, key, title, help));
    }
    if program.contains('/') && !program.starts_with('/') {
        let title = format!("`{key}` is a relative path: `{program}`");
        return Err(invalid(file, key, title, help));
    }
    Ok(argv)
}

fn at_least_one(
    file: &Arc<SourceFile>,
    key: &str,
    number: Option<usize>,
    default: usize,
) -> Result<usize, Finding> {
    match number {
        None => Ok(default),
        Some(0) => {
            let title = format!("`{key}` is 0");
            Err(invalid(file, key, title, "write at least 1"))
        }
        Some(number) => Ok(number),
    }
}

/// A finding at a key of this table, or at the table where it cannot be seen.
fn invalid(file: &Arc<SourceFile>, key: &str, title: String, help: &str) -> Finding {
    let table = "[preprocessor.runbook.respond";
    let text = file.text();
    let table_at = text.find(table).unwrap_or(0);
    let at = text[table_at..]
        .find(&format!("\n{key}"))
        .map_or(table_at, |at| table_at + at + 1);
    let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
    Finding::error("config", Place::new(file, at..end), title).help(help)
}
