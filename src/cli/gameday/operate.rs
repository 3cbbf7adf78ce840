//! The operator: a shell at a terminal, or commands from standard input.

use super::super::CliError;
use super::super::output::Output;
use crate::gameday::{At, Candidate, Journal, What};
use crate::page::DEFAULT_TIMEOUT;
use crate::run::{Desk, Door, Left, Line, Lines, Noted, Stop, shell};
use rustix::fd::AsFd;
use std::io::{IsTerminal, stdin};
use std::time::Duration;

/// Somebody who works in the sandbox, and what is needed to let them and to note it.
pub(super) struct Operator<'a> {
    pub(super) door: &'a Door,
    pub(super) candidate: &'a Candidate,
    pub(super) journal: &'a Journal,
    /// It is not the shell that began the game day.
    pub(super) elsewhere: bool,
    pub(super) stop: &'a Stop,
    pub(super) output: &'a Output,
}

impl Operator<'_> {
    /// At a terminal an interactive shell, otherwise commands from standard input until its end.
    pub(super) fn work(&self) -> Result<Left, CliError> {
        if stdin().is_terminal() {
            self.at_a_terminal()
        } else {
            self.by_script()
        }
    }

    fn at_a_terminal(&self) -> Result<Left, CliError> {
        let mut noted = Ok(());
        let left = shell(self.door, self.stop, |it: Noted| {
            if noted.is_ok() {
                noted = self.note(it.at.into(), &it.text, it.status, it.printed);
            }
        })?;
        noted?;
        Ok(left)
    }

    fn by_script(&self) -> Result<Left, CliError> {
        let mut desk = Desk::open(self.door, longest(self.candidate), self.stop)?;
        let stdin = stdin();
        let mut lines = Lines::new(stdin.as_fd(), self.stop);
        let mut command = String::new();
        loop {
            let line = lines.next_line();
            match &line {
                Line::Stopped => return Ok(Left::Stopped),
                Line::Text(text) => command.push_str(&format!("{text}\n")),
                Line::End => {}
            }
            let has_ended = line == Line::End;
            if is_empty(&command) {
                command.clear();
            } else if (has_ended || desk.is_complete(&command))
                && let Some(left) = self.run(&mut desk, &std::mem::take(&mut command))?
            {
                return Ok(left);
            }
            if has_ended {
                desk.leave();
                return Ok(Left::Ended);
            }
        }
    }

    /// Runs one command; why there will be no other.
    fn run(&self, desk: &mut Desk<'_>, command: &str) -> Result<Option<Left>, CliError> {
        let at = At::now();
        let typed = desk.run(command)?;
        self.output.text(&typed.printed);
        if typed.stopped {
            return Ok(Some(Left::Stopped));
        }
        if typed.status.is_none() && !typed.left {
            self.output.warn(&typed.words);
        }
        self.note(at, command, typed.status, typed.kept)?;
        Ok(typed.left.then_some(Left::Ended))
    }

    fn note(
        &self,
        at: At,
        text: &str,
        status: Option<i32>,
        printed: String,
    ) -> Result<(), CliError> {
        let text = text.trim_end().to_owned();
        // To leave is no command of the incident.
        if status.is_none() && matches!(text.trim(), "exit" | "logout") {
            return Ok(());
        }
        let what = What::Command {
            text,
            status,
            printed,
            elsewhere: self.elsewhere,
        };
        self.journal.add(at, what).map_err(CliError::Journal)
    }
}

/// Nothing but blank lines and comments.
fn is_empty(command: &str) -> bool {
    let mut lines = command.lines().map(str::trim);
    lines.all(|line| line.is_empty() || line.starts_with('#'))
}

/// As long as the longest block of the page may take.
fn longest(candidate: &Candidate) -> Duration {
    let limits = candidate.issue().steps().map(|step| step.timeout);
    limits.max().unwrap_or_default().max(DEFAULT_TIMEOUT)
}
