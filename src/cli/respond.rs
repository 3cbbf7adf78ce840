//! `mdbook-runbook respond`: Alertmanager calls, the page's script runs.

use super::args::RespondArgs;
use super::open::{Opened, open};
use super::output::Output;
use super::{CliError, Exit};
use crate::config::RespondConfig;
use crate::respond::{Pages, Responder, Settings, Token};
use crate::run::{Stop, find_program};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

pub(super) fn run(args: &RespondArgs, output: &Output) -> Result<Exit, CliError> {
    let opened = open(args.book.book.as_ref(), None)?;
    let config = laid_over(args, &opened);
    let pages = Pages::new(&opened.pages, &config);
    usable(&config, &pages, &opened, output)?;
    let token = config.token_file.as_deref().map(token).transpose()?;
    let stop = Arc::new(Stop::on_signals().map_err(CliError::Signals)?);
    let (log, lines) = channel();
    let reports = reports(args, &opened);
    let responder = Responder::start(Settings {
        pages,
        token,
        reports: reports.clone(),
        stop: Arc::clone(&stop),
        log,
        config,
    })?;
    output.line(&format!(
        "listening on http://{}/alerts",
        responder.address()
    ));
    output.line(&format!("reports are kept in {}", reports.display()));
    while !stop.is_set() {
        match lines.recv_timeout(Duration::from_millis(100)) {
            Ok(line) => output.line(&line),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    responder.end();
    for line in lines.try_iter() {
        output.line(&line);
    }
    output.line("ended by a signal; what is queued is run after the next start");
    Ok(Exit::Good)
}

/// The book's keys, with those of the command line instead where they are given.
fn laid_over(args: &RespondArgs, opened: &Opened) -> RespondConfig {
    let mut config = opened.config.respond.clone();
    let root = &opened.config.root;
    config.listen = args.listen.unwrap_or(config.listen);
    config.token_file = match (&args.token_file, &config.token_file) {
        (Some(path), _) => Some(path.clone()),
        (None, path) => path.as_ref().map(|path| root.join(path)),
    };
    config
}

fn reports(args: &RespondArgs, opened: &Opened) -> PathBuf {
    let config = &opened.config;
    match (&args.reports, &config.respond.reports) {
        (Some(dir), _) => dir.clone(),
        (None, Some(dir)) => config.root.join(dir),
        (None, None) => config.state_dir().join("respond"),
    }
}

/// Faults that would be found at 3 a.m. otherwise.
fn usable(
    config: &RespondConfig,
    pages: &Pages,
    opened: &Opened,
    output: &Output,
) -> Result<(), CliError> {
    if config.command.is_empty() {
        return Err(CliError::Usage(
            "this book names no diagnostic script\n  add `command = \"diagnose.sh\"` to `[preprocessor.runbook.respond]`"
                .to_owned(),
        ));
    }
    for program in pages.programs() {
        if find_program(program).is_none() {
            return Err(CliError::Usage(format!(
                "`{program}` is not there, or not executable\n  put it on PATH, or name its absolute path in `[preprocessor.runbook.respond]`"
            )));
        }
    }
    if let Some(path) = pages.unknown(&opened.pages).next() {
        return Err(CliError::Usage(format!(
            "`commands` of `[preprocessor.runbook.respond]` names a page that there is not: `{path}`"
        )));
    }
    if !config.listen.ip().is_loopback() && config.token_file.is_none() {
        return Err(CliError::Usage(format!(
            "{} can be reached from other machines, and no token is asked for\n  add `token-file`, or listen on 127.0.0.1",
            config.listen
        )));
    }
    if !opened.findings.is_empty() {
        let n_findings = opened.findings.len();
        output.warn(&format!(
            "the book has {n_findings} findings; `mdbook-runbook check` shows them"
        ));
    }
    Ok(())
}

fn token(path: &Path) -> Result<Token, CliError> {
    Token::read(path).map_err(|error| {
        let path = path.display();
        CliError::Usage(format!("the token in {path} cannot be used: {error}"))
    })
}
