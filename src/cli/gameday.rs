//! `mdbook-runbook gameday`: an operator against a fault.

mod file;
mod join;
mod operate;
mod play;

use super::args::GamedayArgs;
use super::open::{Opened, open};
use super::output::Output;
use super::{CliError, Exit};
use crate::gameday::{Candidate, Files, State, candidates, records, sheet};
use std::time::Duration;

pub(super) fn run(args: &GamedayArgs, output: &mut Output) -> Result<Exit, CliError> {
    if args.scores {
        return scores(args, output);
    }
    if args.join {
        return join::join(args, output);
    }
    if args.check {
        return join::check(args, output);
    }
    play::play(args, output)
}

fn scores(args: &GamedayArgs, output: &Output) -> Result<Exit, CliError> {
    let opened = open(args.book.as_ref(), None)?;
    let dir = Files::below(&opened.config.state_dir()).ended();
    let (records, unreadable) = records(&dir);
    for path in unreadable {
        output.warn(&format!("{path} is no record of a game day"));
    }
    if records.is_empty() {
        output.line("no game day has been played; try `mdbook-runbook gameday`");
    } else {
        output.line(&sheet(&records));
    }
    Ok(Exit::Good)
}

/// The running game day of a book, and the cause that is played.
fn running(args: &GamedayArgs) -> Result<(Opened, Files, State, Candidate), CliError> {
    let opened = open(args.book.as_ref(), None)?;
    let files = Files::below(&opened.config.state_dir());
    let state = files.running().ok_or_else(|| {
        CliError::Usage(
            "no game day of this book is running\n  start one with `mdbook-runbook gameday`"
                .to_owned(),
        )
    })?;
    let opened = match &state.profile {
        Some(profile) => open(args.book.as_ref(), Some(profile))?,
        None => opened,
    };
    let page = state.page.to_string_lossy();
    let found = candidates(&opened.pages, &page, Some(&state.cause));
    let candidate = found.into_iter().next().ok_or_else(|| {
        CliError::Usage("the page of the running game day has changed meanwhile".to_owned())
    })?;
    Ok((opened, files, state, candidate))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
