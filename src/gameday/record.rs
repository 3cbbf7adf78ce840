//! The record of a game day that has ended.

use super::journal::{Event, What};
use super::time::{At, in_words};
use crate::run::Data;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Told by a record, so that a later version can tell what it reads.
const SCHEMA: u32 = 1;

/// One game day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The version of this format.
    pub schema: u32,
    /// The issue's number.
    pub issue: u32,
    /// Its page, below the book's `src`.
    pub page: String,
    /// The page's title.
    pub title: String,
    /// The page's severity.
    pub severity: Option<String>,
    /// Alerts that the page answers.
    pub alerts: Vec<String>,
    /// The cause that was induced.
    pub cause: String,
    /// Whether the operator was told which issue it is.
    pub announced: bool,
    /// Who played.
    pub operator: String,
    /// When the fault was there.
    pub induced: At,
    /// When the shell was left.
    pub left: At,
    /// When *Verification* passed; `None` where it did not.
    pub recovered: Option<At>,
    /// The time within which it must.
    pub target_ms: u64,
    /// What did not hold at the end.
    pub wrong: Option<String>,
    /// *Verification* at the end, as a terminal would show it.
    pub verification: String,
    /// The data at the end.
    pub data: Data,
    /// All that happened, by time.
    pub events: Vec<Event>,
}

impl Record {
    /// The version of the format that this program writes.
    pub fn schema() -> u32 {
        SCHEMA
    }

    /// The service is well, and nothing is lost that the page does not give up.
    pub fn is_solved(&self) -> bool {
        self.recovered.is_some() && !matches!(self.data, Data::Lost(_))
    }

    /// From the fault to the recovery.
    pub fn ms(&self) -> Option<u64> {
        self.recovered.map(|at| at.since(self.induced))
    }

    /// Solved, and in time.
    pub fn is_in_time(&self) -> bool {
        self.is_solved() && self.ms().is_some_and(|ms| ms <= self.target_ms)
    }

    /// One sentence about how it ended.
    pub fn outcome(&self) -> String {
        let target = in_words(self.target_ms);
        match (self.ms(), &self.data) {
            (None, _) => format!(
                "not solved: {}",
                self.wrong.as_deref().unwrap_or("the verification fails")
            ),
            (Some(_), Data::Lost(_)) => "not solved: it recovered, but data was lost".to_owned(),
            (Some(ms), _) if ms <= self.target_ms => {
                format!("solved in {} (target {target})", in_words(ms))
            }
            (Some(ms), _) => format!("solved too late: in {} (target {target})", in_words(ms)),
        }
    }

    /// Pages in the order in which they were opened.
    pub fn pages(&self) -> impl Iterator<Item = (At, &str)> {
        self.events.iter().filter_map(|event| match &event.what {
            What::Page { path } => Some((event.at, path.as_str())),
            _ => None,
        })
    }
}

/// When it recovered: `judged`, or where checks had found it well before and never sick again, at
/// the first of these.
pub(super) fn first_good(events: &[Event], judged: At) -> At {
    let checks = events.iter().rev().filter_map(|event| match &event.what {
        What::Check { wrong } => Some((event.at, wrong.is_none())),
        _ => None,
    });
    checks
        .take_while(|(_, good)| *good)
        .last()
        .map_or(judged, |(at, _)| at)
}

impl Record {
    /// Sets the time of recovery, from the judgement at the end and the checks before.
    #[must_use]
    pub fn recovered_by(mut self, judged: Option<At>) -> Self {
        self.recovered = judged.map(|at| first_good(&self.events, at));
        self
    }
}

/// All records in `dir`, by the time of the fault. One that cannot be read is told by its name.
pub fn records(dir: &Path) -> (Vec<Record>, Vec<String>) {
    let files = walkdir::WalkDir::new(dir).max_depth(1).sort_by_file_name();
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for entry in files.into_iter().filter_map(Result::ok) {
        if entry.path().extension().is_none_or(|e| e != "json") {
            continue;
        }
        let bytes = std::fs::read(entry.path()).unwrap_or_default();
        match serde_json::from_slice::<Record>(&bytes) {
            Ok(record) if record.schema == SCHEMA => good.push(record),
            _ => bad.push(entry.path().display().to_string()),
        }
    }
    good.sort_by_key(|record| record.induced);
    (good, bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(at: i64, good: bool) -> Event {
        let wrong = (!good).then(|| "sick".to_owned());
        Event {
            at: At(at),
            what: What::Check { wrong },
        }
    }

    #[test]
    fn the_first_check_that_stayed_good_is_the_recovery() {
        let judged = At(9);
        assert_eq!(first_good(&[], judged), judged);
        assert_eq!(first_good(&[check(1, false)], judged), judged);
        let events = [
            check(1, true),
            check(2, false),
            check(3, true),
            check(4, true),
        ];
        assert_eq!(first_good(&events, judged), At(3));
    }
}
