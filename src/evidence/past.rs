//! Runs of the same drill or doc test before the one on record, so that a trend can be seen.

use super::{Evidence, Verdict};
use serde::{Deserialize, Serialize};

/// An earlier run, as much of it as is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastRun {
    /// How it ended.
    pub verdict: Verdict,
    /// When it ended: RFC 3339, UTC, to the second.
    pub finished_at: String,
    /// What the instance's `version` command printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_version: Option<String>,
    /// Milliseconds from sandbox to sandbox.
    pub total_ms: u64,
}

/// More earlier runs than this are not kept: a page must stay readable.
const MOST: usize = 20;

impl PastRun {
    /// What is kept of a run.
    pub fn of(evidence: &Evidence) -> Self {
        Self {
            verdict: evidence.verdict.clone(),
            finished_at: evidence.finished_at.clone(),
            instance_version: evidence.instance_version.clone(),
            total_ms: evidence.total_ms,
        }
    }
}

impl Evidence {
    /// Makes `last`, which it replaces, the newest of its earlier runs.
    pub(super) fn follow(&mut self, last: &Self) {
        let ran = !matches!(last.verdict, Verdict::NotApplicable { .. });
        let newest = ran.then(|| PastRun::of(last));
        self.past = newest.into_iter().chain(last.past.clone()).collect();
        self.past.truncate(MOST);
    }
}

/// How long the recoveries before this one took: the fastest, the slowest, in milliseconds, and how
/// many there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    /// The shortest time.
    pub fastest: u64,
    /// The longest time.
    pub slowest: u64,
    /// How many there were.
    pub n: usize,
}

impl Before {
    /// What is known of the runs before `evidence`; `None` where none of them recovered.
    pub fn of(evidence: &Evidence) -> Option<Self> {
        let times = || {
            evidence
                .past
                .iter()
                .filter_map(|run| run.verdict.recovery())
        };
        Some(Self {
            fastest: times().min()?,
            slowest: times().max()?,
            n: times().count(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(n: u64, verdict: &serde_json::Value) -> Evidence {
        serde_json::from_value(serde_json::json!({
            "schema": 1, "subject": {"page": "a.md", "issue": 1, "cause": "A"}, "inputs": "",
            "verdict": verdict, "finished_at": n.to_string(), "tool_version": "", "instance_version": null,
            "isolation": "full", "stages": [], "leftovers": [], "total_ms": n,
        }))
        .unwrap()
    }

    #[test]
    fn the_newest_runs_are_kept_and_those_that_were_none_are_not() {
        let mut last = run(0, &serde_json::json!({"kind": "recovered", "ms": 0}));
        for n in 1..=30 {
            let verdict = match n {
                29 => serde_json::json!({"kind": "not-applicable", "missing": "it"}),
                28 => serde_json::json!({"kind": "step-failed"}),
                n => serde_json::json!({"kind": "recovered", "ms": n}),
            };
            let mut next = run(n, &verdict);
            next.follow(&last);
            last = next;
        }
        let past: Vec<u64> = last.past.iter().map(|run| run.total_ms).collect();
        let newest: Vec<u64> = std::iter::once(28).chain((9..28).rev()).collect();
        assert_eq!(past, newest);
        let before = Before {
            fastest: 9,
            slowest: 27,
            n: 19,
        };
        assert_eq!(Before::of(&last), Some(before));
    }
}
