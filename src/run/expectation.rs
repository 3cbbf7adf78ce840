//! Whether a step did what it must: its exit status and its output.

use crate::evidence::Outcome;
use crate::markdown::Exit;
use crate::page::Expectation;
use similar::TextDiff;

/// Why a step is not good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unmet {
    /// It did not return in the way it must; in words.
    Outcome(String),
    /// It printed something else; the difference, expected to printed.
    Output(String),
    /// It was to print something before Ctrl-C.
    Silent,
}

/// Judges a step; `printed` is all of its output.
pub(super) fn judge(
    expectation: &Expectation,
    outcome: &Outcome,
    printed: &str,
) -> Result<(), Unmet> {
    match outcome {
        Outcome::Exited { status } => exit(expectation.exit, *status)?,
        Outcome::Interrupted if printed.is_empty() => return Err(Unmet::Silent),
        Outcome::Interrupted => {}
        other => return Err(Unmet::Outcome(in_words(other))),
    }
    match &expectation.output {
        Some(output) if !matches(&output.pattern, printed) => {
            Err(Unmet::Output(difference(&output.pattern, printed)))
        }
        _ => Ok(()),
    }
}

fn exit(expected: Exit, status: u8) -> Result<(), Unmet> {
    let good = match expected {
        Exit::Status(expected) => status == expected,
        Exit::Nonzero => status != 0,
        Exit::Runs => status != 126 && status != 127,
        Exit::Any => true,
    };
    if good {
        return Ok(());
    }
    let must = match expected {
        Exit::Status(0) => "it must succeed".to_owned(),
        Exit::Status(n) => format!("it must exit with {n}"),
        Exit::Nonzero => "it must fail".to_owned(),
        Exit::Runs => "the command was not found or could not be run".to_owned(),
        Exit::Any => unreachable!("any status is good"),
    };
    Err(Unmet::Outcome(format!("exit status {status}; {must}")))
}

/// An outcome as a clause.
pub(super) fn in_words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Exited { status } => format!("exit status {status}"),
        Outcome::Interrupted => "it got Ctrl-C".to_owned(),
        Outcome::TimedOut { limit_ms } => {
            format!(
                "it was killed after its time limit of {}",
                seconds(*limit_ms)
            )
        }
        Outcome::SessionEnded {
            signal: Some(signal),
            ..
        } => {
            format!("it ended the session's shell with signal {signal}; what follows was not run")
        }
        Outcome::SessionEnded { status, .. } => format!(
            "it ended the session's shell with status {}; what follows was not run",
            status.unwrap_or_default()
        ),
        Outcome::LeftEarly => {
            "it left with `break` or `continue` outside of a loop; its rest was not run".to_owned()
        }
        Outcome::OutputLimit { limit } => format!(
            "it printed more than {} MiB and was killed",
            limit / (1024 * 1024)
        ),
        Outcome::NotRun => "it was not run".to_owned(),
    }
}

/// Milliseconds as an operator reads them.
pub(super) fn seconds(ms: u64) -> String {
    if ms < 1000 {
        format!("{ms} ms")
    } else if ms.is_multiple_of(1000) {
        format!("{} s", ms / 1000)
    } else {
        format!("{}.{} s", ms / 1000, ms % 1000 / 100)
    }
}

/// `...` alone on a line stands for any lines, `[..]` for anything within a line.
fn matches(pattern: &str, printed: &str) -> bool {
    let pattern: Vec<&str> = pattern.lines().collect();
    let printed: Vec<&str> = printed.lines().collect();
    if !pattern.contains(&"...") {
        return pattern.len() == printed.len()
            && pattern
                .iter()
                .zip(&printed)
                .all(|(p, l)| line_matches(p, l));
    }
    // reach[j]: the pattern's lines so far can have matched the first j printed lines.
    let mut reach = vec![false; printed.len() + 1];
    reach[0] = true;
    for line in pattern {
        let mut next = vec![false; printed.len() + 1];
        if line == "..." {
            let first = reach.iter().position(|r| *r).unwrap_or(next.len());
            next[first..].fill(true);
        } else {
            for (at, printed) in printed.iter().enumerate() {
                next[at + 1] = reach[at] && line_matches(line, printed);
            }
        }
        reach = next;
    }
    reach[printed.len()]
}

fn line_matches(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split("[..]");
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn difference(pattern: &str, printed: &str) -> String {
    let printed = if printed.is_empty() || printed.ends_with('\n') {
        printed.to_owned()
    } else {
        format!("{printed}\n")
    };
    let diff = TextDiff::from_lines(pattern, &printed)
        .unified_diff()
        .header("expected", "printed")
        .to_string();
    shortened(&diff)
}

/// At most 40 lines: what a screen holds beside the message.
pub(super) fn shortened(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() <= 40 {
        return text.to_owned();
    }
    let cut = lines.len() - 35;
    let (head, tail) = (&lines[..25], &lines[lines.len() - 10..]);
    format!(
        "{}\n[… {cut} lines …]\n{}\n",
        head.join("\n"),
        tail.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(pattern: &str, printed: &str, expected: bool) {
        assert_eq!(
            matches(pattern, printed),
            expected,
            "{pattern:?} {printed:?}"
        );
    }

    #[test]
    fn lines_match_literally_or_by_wildcards() {
        case("a\n", "a\n", true);
        case("a\n", "a", true);
        case("a\n", "a\nb\n", false);
        case("a\n", "", false);
        case("", "", true);
        case("...\n", "", true);
        case("...\nb\n", "a\nb\n", true);
        case("a\n...\n", "a\n", true);
        case("a\n...\nc\n", "a\nb\nb\nc\n", true);
        case("a\n...\nc\n", "a\nb\n", false);
        case("...\nx\n...\nx\n", "x\ny\n", false);
        case("p[..]q\n", "p and q\n", true);
        case("p[..]q\n", "pq\n", true);
        case("[..]a[..]b\n", "xaxb\n", true);
        case("a[..]a\n", "a\n", false);
        case("1.5\n", "1x5\n", false);
    }

    #[test]
    fn a_difference_is_shown_as_a_diff() {
        let shown = difference("a\nb\n", "a\nc");
        assert!(shown.contains("-b") && shown.contains("+c"), "{shown}");
    }
}
