//! What the instance logged in a drill or a doc test: each wording once, with its family.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Wordings kept of one log.
const MOST_LINES: usize = 300;

/// Characters kept of one line.
const LONGEST: usize = 1000;

/// Warnings and errors of one log, in the order of their first lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// The first line of each wording.
    pub lines: Vec<LogLine>,
    /// Wordings that are not kept, because there are so many.
    pub left_off: usize,
}

/// A line as it was logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// The line.
    pub line: String,
    /// The family of the catalogue that it is of; 0 for none.
    pub family: u32,
}

impl Log {
    /// Reads lines of the form `FAMILY`, tab, `LINE`; what has another form is no part of the log.
    pub fn of(classified: &str) -> Self {
        let mut log = Self::default();
        let mut seen = BTreeSet::new();
        for (number, line) in classified.lines().filter_map(|text| text.split_once('\t')) {
            let Ok(family) = number.parse() else { continue };
            if line.trim().is_empty() || !seen.insert((family, wording(line))) {
                continue;
            }
            if log.lines.len() == MOST_LINES {
                log.left_off += 1;
                continue;
            }
            log.lines.push(LogLine {
                line: line.chars().take(LONGEST).collect(),
                family,
            });
        }
        log
    }
}

/// The line without its numbers and without what stands in quotes.
fn wording(line: &str) -> String {
    let mut wording = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c.is_ascii_digit() {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            wording.push('#');
            continue;
        }
        wording.push(c);
        if matches!(c, '\'' | '"' | '`')
            && let Some(end) = rest.find(c)
        {
            rest = &rest[end + 1..];
        }
    }
    wording
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wording_is_kept_once_with_its_first_line() {
        let log = Log::of(
            "0\t12:00 ERROR who knows\n4\t12:01 space 'a b' not found, id=7\n4\t12:02 space 'c' not found, id=12\n\
             0\t12:03 space 'd' not found, id=1\nno family\n5\t\nx\ty\n4\t12:04 space `é` isn't there\n",
        );
        let lines: Vec<_> = log.lines.iter().map(|l| (l.family, &*l.line)).collect();
        assert_eq!(
            lines,
            [
                (0, "12:00 ERROR who knows"),
                (4, "12:01 space 'a b' not found, id=7"),
                (0, "12:03 space 'd' not found, id=1"),
                (4, "12:04 space `é` isn't there"),
            ]
        );
        assert_eq!(log.left_off, 0);
    }

    #[test]
    fn very_many_wordings_are_counted() {
        let letters = |n: usize| "x".repeat(n);
        let text: String = (1..=310).map(|n| format!("1\t{}\n", letters(n))).collect();
        let log = Log::of(&text);
        assert_eq!((log.lines.len(), log.left_off), (300, 10));
    }
}
