//! The exit statuses of the program.

use std::process::ExitCode;

/// What a run came to, for whoever called it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All holds.
    Good = 0,
    /// The book, its rules or a drill is not as it must be.
    Findings = 1,
    /// The command line or the configuration cannot be used.
    Usage = 2,
    /// The machine lacks something, which was named with how to install it.
    Machine = 3,
    /// Another run of the same book is active.
    Busy = 75,
    /// A signal ended the run.
    Interrupted = 130,
}

impl Exit {
    /// All of them, with what they mean, as the guide says it.
    pub const ALL: &[(Self, &str)] = &[
        (Self::Good, "all holds"),
        (Self::Findings, "findings"),
        (
            Self::Usage,
            "the command line, the book or its configuration cannot be used",
        ),
        (
            Self::Machine,
            "the machine lacks something; it is named with how to install it",
        ),
        (Self::Busy, "another run of the same book is active"),
        (Self::Interrupted, "a signal ended the run"),
    ];
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
