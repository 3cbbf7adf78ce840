//! How other processes find a running game day.

use super::journal::Journal;
use super::time::At;
use crate::fs_write::{self, WriteError};
use crate::run::Door;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A running game day.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    /// The way into its sandbox.
    pub door: Door,
    /// The page, below the book's `src`.
    pub page: PathBuf,
    /// The cause.
    pub cause: String,
    /// Whether the operator was told which issue it is.
    pub announced: bool,
    /// The instance's profile.
    pub profile: Option<String>,
    /// What the invariant printed before the fault.
    pub before: Option<String>,
    /// When the fault was there.
    pub induced: At,
    /// The address of the site.
    pub site: String,
}

/// The files of a book's game days.
#[derive(Debug, Clone)]
pub struct Files {
    dir: PathBuf,
}

impl Files {
    /// Below the book's `state_dir`.
    pub fn below(state_dir: &Path) -> Self {
        Self {
            dir: state_dir.to_owned(),
        }
    }

    /// Records and reports of those that have ended.
    pub fn ended(&self) -> PathBuf {
        self.dir.join("gamedays")
    }

    /// Held while one is running.
    pub fn lock(&self) -> PathBuf {
        self.dir.join("gameday.lock")
    }

    /// What happens in the one that is running.
    pub fn journal(&self) -> Journal {
        Journal::at(&self.dir.join("gameday.jsonl"))
    }

    fn state(&self) -> PathBuf {
        self.dir.join("gameday.json")
    }

    /// The one that is running. What a killed one has left does not count.
    pub fn running(&self) -> Option<State> {
        let bytes = std::fs::read(self.state()).ok()?;
        let state: State = serde_json::from_slice(&bytes).ok()?;
        state.door.is_open().then_some(state)
    }

    /// Tells others of it, until what is returned is dropped.
    pub fn announce(&self, state: &State) -> Result<Announced, WriteError> {
        let text = serde_json::to_vec_pretty(state).unwrap_or_default();
        fs_write::write(&self.state(), &text)?;
        Ok(Announced(self.state()))
    }
}

/// Others can find it as long as this lives.
#[derive(Debug)]
pub struct Announced(PathBuf);

impl Drop for Announced {
    fn drop(&mut self) {
        // One that stays names a sandbox that is gone, and does not count.
        let _ = std::fs::remove_file(&self.0);
    }
}
