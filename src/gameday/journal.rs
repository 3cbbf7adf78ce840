//! What happens during a game day, line by line: each line is whole, whoever writes it.

use super::time::At;
use serde::{Deserialize, Serialize};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: At,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum What {
    /// A page of the site was opened.
    Page {
        /// Its path below the site.
        path: String,
    },
    /// A command was run in the sandbox.
    Command {
        /// As it was typed.
        text: String,
        /// Its exit status; `None` where it was killed or ended its shell.
        status: Option<i32>,
        /// What it printed, shortened.
        printed: String,
        /// Whether it was typed in another shell than the first.
        elsewhere: bool,
    },
    /// `--check` looked at it.
    Check {
        /// What did not hold; `None` where all did.
        wrong: Option<String>,
    },
}

/// The file that it is written to.
#[derive(Debug, Clone)]
pub struct Journal(PathBuf);

impl Journal {
    /// The one at `path`, which need not exist yet.
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Empties it.
    pub fn clear(&self) -> io::Result<()> {
        std::fs::write(&self.0, "")
    }

    /// Removes it: the record holds all of it.
    pub fn remove(&self) -> io::Result<()> {
        std::fs::remove_file(&self.0)
    }

    /// Adds a line, by a single write to the end of the file.
    pub fn add(&self, at: At, what: What) -> io::Result<()> {
        let mut line = serde_json::to_vec(&Event { at, what })?;
        line.push(b'\n');
        let mut options = OpenOptions::new();
        let mut file = options.create(true).append(true).open(&self.0)?;
        file.write_all(&line)
    }

    /// All events by time. A line that is no event is passed over.
    pub fn read(&self) -> io::Result<Vec<Event>> {
        let text = std::fs::read_to_string(&self.0)?;
        let lines = text.lines();
        let mut events: Vec<Event> = lines
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        events.sort_by_key(|event| event.at);
        Ok(events)
    }
}
