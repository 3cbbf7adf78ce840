//! One file a command: each calls rooms, and nothing else.

mod alerts;
mod args;
mod bless;
mod build;
mod check;
mod execute;
mod exit;
mod gameday;
mod init;
mod jobs;
mod mutate;
mod open;
mod output;
mod protocol;
mod respond;
mod rule_files;
mod site;
mod test;
mod verify;

pub use args::Cli;
pub use exit::Exit;
pub use output::Output;

use crate::book::BookError;
use crate::config::ConfigError;
use crate::evidence::StoreError;
use crate::finding::Finding;
use crate::fs_write::{self, WriteError};
use crate::gameday::ServeError;
use crate::init::InitError;
use crate::preprocessor::supports;
use crate::report::{Summary, to_json, to_junit};
use crate::respond::RespondError;
use crate::run::{LiveError, Played, SandboxError, StagingError};
use crate::site::SiteError;
use args::{Command, RunArgs};
use std::io::{self, IsTerminal};
use std::path::PathBuf;

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// There is no book here.
    #[error("no book here: `{0}` is missing\n  name the folder that holds `book.toml`")]
    NoBook(PathBuf),
    /// `book.toml` cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The chapters cannot be read.
    #[error(transparent)]
    Book(#[from] BookError),
    /// The filter leaves nothing.
    #[error("no drill or doc test matches `{0}`")]
    NothingSelected(String),
    /// This machine has no sandbox for us.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The instance's programs cannot be used.
    #[error(transparent)]
    Staging(#[from] StagingError),
    /// The instance's own build failed.
    #[error("cannot prepare the instance")]
    Prepare(#[source] io::Error),
    /// The instance cannot say its version.
    #[error("the instance cannot be probed: {0}")]
    Probe(String),
    /// Evidence cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Signals cannot be caught.
    #[error("cannot catch signals")]
    Signals(#[source] io::Error),
    /// A file cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Live drills cannot be played.
    #[error(transparent)]
    Live(#[from] LiveError),
    /// The site cannot be built.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// A file cannot be written whole.
    #[error(transparent)]
    WriteWhole(#[from] WriteError),
    /// mdBook and this program do not understand each other.
    #[error("{0}")]
    Protocol(String),
    /// The site cannot be served.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// A first page cannot be made.
    #[error(transparent)]
    Init(#[from] InitError),
    /// The responder cannot start.
    #[error(transparent)]
    Respond(#[from] RespondError),
    /// What happens cannot be recorded.
    #[error("cannot record what happens")]
    Journal(#[source] io::Error),
    /// A signal came before there was anything to show.
    #[error("interrupted")]
    Interrupted,
    /// Another run of this book is active.
    #[error("another run of this book is active (it holds {0})\n  wait for it, or end it")]
    Busy(PathBuf),
    /// The command line asks for something that there is not.
    #[error("{0}")]
    Usage(String),
}

impl CliError {
    /// The exit status that tells what kind of obstacle it is.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Sandbox(_) | Self::Live(LiveError::Missing { .. }) => Exit::Machine,
            Self::Busy(_) | Self::Respond(RespondError::Busy(_)) => Exit::Busy,
            Self::Interrupted => Exit::Interrupted,
            _ => Exit::Usage,
        }
    }
}

/// Runs the command that was given.
pub fn run(cli: &Cli, output: &mut Output) -> Result<Exit, CliError> {
    match &cli.command {
        Some(Command::Verify(args)) => verify::run(args, output),
        Some(Command::Check(args)) => check::run(args, output),
        Some(Command::Test(args)) => test::run(args, output),
        Some(Command::Mutate(args)) => mutate::run(args, output),
        Some(Command::Alerts(args)) => alerts::run(args, output),
        Some(Command::Build(args)) => build::run(args, output),
        Some(Command::Init(args)) => init::run(args, output),
        Some(Command::Gameday(args)) => gameday::run(args, output),
        Some(Command::Respond(args)) => respond::run(args, output),
        Some(Command::Supports { renderer }) => Ok(if supports(renderer) {
            Exit::Good
        } else {
            Exit::Findings
        }),
        None if std::io::stdin().is_terminal() => Err(CliError::Usage(
            "no command given
  try `mdbook-runbook verify`, for a new book `mdbook-runbook init`, or `mdbook-runbook --help`"
                .to_owned(),
        )),
        None => protocol::run(output),
    }
}

/// Shows findings and summary; the exit status that follows from them.
fn finish(summary: &Summary, findings: &[Finding], interrupted: bool, output: &Output) -> Exit {
    output.findings(findings);
    output.line(&summary.line());
    if interrupted {
        output.line("interrupted: what was not run is not verified");
        return Exit::Interrupted;
    }
    let all = [
        summary.drills,
        summary.doc_tests,
        summary.controls,
        summary.steps,
    ]
    .iter()
    .all(|(good, all)| good == all);
    if summary.errors == 0 && all {
        Exit::Good
    } else {
        Exit::Findings
    }
}

/// Writes the reports that `--report` asks for.
fn write_reports(
    args: &RunArgs,
    summary: &Summary,
    played: &[Played],
    findings: &[Finding],
) -> Result<(), CliError> {
    for report in &args.report {
        let (format, path) = report.split_once('=').unwrap_or((report, ""));
        let text = match format {
            "json" if !path.is_empty() => to_json(summary, played, findings),
            "junit" if !path.is_empty() => {
                to_junit(played).map_err(|error| CliError::Usage(error.to_string()))?
            }
            _ => {
                return Err(CliError::Usage(format!(
                    "`--report {report}` is not `junit=FILE` or `json=FILE`"
                )));
            }
        };
        fs_write::write(std::path::Path::new(path), text.as_bytes())?;
    }
    Ok(())
}
