//! The only way out: results on standard output, findings and progress on standard error.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this file is where the program prints"
)]

use super::CliError;
use crate::config::ConfigError;
use crate::evidence::Subject;
use crate::finding::Finding;
use crate::report;
use crate::run::Played;
use std::error::Error;
use std::io::{IsTerminal, Write, stderr, stdout};

/// Knows what the terminal can do, and how far the run is.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what a terminal can do is a list of yes and no"
)]
pub struct Output {
    colour: bool,
    progress: bool,
    github: bool,
    stdout_is_data: bool,
    n_expected: usize,
    n_ended: usize,
}

impl Output {
    /// Looks at the terminal and the environment once.
    pub fn new() -> Self {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let terminal = stderr().is_terminal();
        Self {
            colour: terminal && !is_set("NO_COLOR"),
            progress: terminal && !is_set("CI"),
            github: is_set("GITHUB_ACTIONS"),
            stdout_is_data: false,
            n_expected: 0,
            n_ended: 0,
        }
    }

    /// Results go to standard error from now on: standard output belongs to mdBook.
    pub(super) fn keep_stdout_for_data(&mut self) {
        self.stdout_is_data = true;
    }

    fn result(&self, text: &str) {
        self.clear();
        if self.stdout_is_data {
            eprintln!("{text}");
        } else {
            println!("{text}");
        }
    }

    /// This many jobs will end.
    pub(super) fn expect(&mut self, jobs: usize) {
        self.n_expected = jobs;
        self.n_ended = 0;
    }

    /// A job has begun.
    pub(super) fn started(&mut self, subject: &Subject) {
        if self.progress {
            eprint!(
                "\r\x1b[K[{}/{}] {}",
                self.n_ended,
                self.n_expected,
                subject.title()
            );
            // Progress that cannot be shown is no fault.
            let _ = stderr().flush();
        }
    }

    /// A job has ended.
    pub(super) fn ended(&mut self, played: &Played) {
        self.n_ended += 1;
        self.result(&report::terminal::ended(played));
    }

    fn clear(&self) {
        if self.progress {
            eprint!("\r\x1b[K");
        }
    }

    /// Findings, in order.
    pub(super) fn findings(&self, findings: &[Finding]) {
        self.clear();
        for finding in findings {
            eprintln!("{}\n", report::terminal::finding(finding, self.colour));
        }
        if self.github && !findings.is_empty() {
            self.result(report::annotations(findings).trim_end());
        }
    }

    /// A line of the result.
    pub(super) fn line(&self, text: &str) {
        self.result(text);
    }

    /// What a command has printed, as it is.
    pub(super) fn text(&self, text: &str) {
        self.clear();
        print!("{text}");
        // A reader that is gone is told of by the next write.
        let _ = stdout().flush();
    }

    /// Something that the user must know, but that is no finding.
    pub(super) fn warn(&self, text: &str) {
        self.clear();
        eprintln!("warning: {text}");
    }

    /// Why we could not work, with its causes; faults of `book.toml` like any finding.
    pub fn error(&self, error: &CliError) {
        self.clear();
        if let CliError::Config(ConfigError::Invalid(finding)) = error {
            return self.findings(std::slice::from_ref(finding));
        }
        eprintln!("error: {error}");
        let mut source = error.source();
        while let Some(cause) = source {
            eprintln!("  caused by: {cause}");
            source = cause.source();
        }
    }
}

impl Default for Output {
    fn default() -> Self {
        Self::new()
    }
}
