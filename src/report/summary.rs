//! What a run came to, counted from what was played.

use crate::evidence::Verdict;
use crate::finding::{Finding, Severity};
use crate::plan::Accounting;
use crate::run::Played;

/// The numbers of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// Drills that recovered, and all drills.
    pub drills: (usize, usize),
    /// Live drills whose alert fired, opened the page and was resolved, and all live drills.
    pub live: (usize, usize),
    /// Control experiments that came out as they must, and all of them.
    pub controls: (usize, usize),
    /// Resolution steps that a drill missed, or that the page says are not needed, and all of those left out.
    pub steps: (usize, usize),
    /// Of them those that the page says are not needed.
    pub not_needed_as_said: usize,
    /// Causes with a single step, where steps were left out one at a time.
    pub single_step_causes: Option<usize>,
    /// Doc tests that passed, and all of them.
    pub doc_tests: (usize, usize),
    /// Drills whose issue every decision tree finds, and all drills that were walked.
    pub walked: (usize, usize),
    /// Walks that go astray, as the page says.
    pub astray_as_said: usize,
    /// Drills and doc tests that the instance cannot run.
    pub not_applicable: usize,
    /// Drills and doc tests taken from evidence.
    pub reused: usize,
    /// Where every block of the book went.
    pub blocks: Accounting,
    /// The longest of the shortest ways to a resolution, in clicks.
    pub longest_path: Option<usize>,
    /// Alerts whose link is right, and all alerts.
    pub alerts: Option<(usize, usize)>,
    /// Errors found.
    pub errors: usize,
    /// Warnings found.
    pub warnings: usize,
}

impl Summary {
    /// Counts what was played and found.
    pub fn new(played: &[Played], blocks: Accounting, findings: &[Finding]) -> Self {
        let mut summary = Self {
            blocks,
            ..Self::default()
        };
        for played in played {
            let verdict = &played.evidence.verdict;
            summary.reused += usize::from(played.reused);
            if matches!(verdict, Verdict::NotApplicable { .. }) {
                summary.not_applicable += 1;
                continue;
            }
            let count = match (&played.evidence.subject.cause, played.control) {
                (Some(_), Some(control)) if control.is_mutation() => &mut summary.steps,
                (Some(_), Some(_)) => &mut summary.controls,
                (Some(_), None) => &mut summary.drills,
                (None, _) => &mut summary.doc_tests,
            };
            count.1 += 1;
            count.0 += usize::from(verdict.is_good());
            summary.not_needed_as_said += usize::from(*verdict == Verdict::NotNeededAsSaid);
            summary.count_walks(played);
            if let (Some(live), None) = (&played.evidence.live, played.control) {
                summary.live.1 += 1;
                summary.live.0 += usize::from(live.is_whole());
            }
        }
        summary.count(findings);
        summary
    }

    fn count_walks(&mut self, played: &Played) {
        let walks = &played.evidence.walks;
        if played.evidence.subject.cause.is_none() || walks.is_empty() {
            return;
        }
        self.walked.1 += 1;
        self.walked.0 += usize::from(walks.iter().all(|walk| walk.arrived));
        let as_said = walks.iter().filter(|w| !w.arrived && w.astray.is_some());
        self.astray_as_said += as_said.count();
    }

    /// Counts findings anew.
    pub fn count(&mut self, findings: &[Finding]) {
        let of = |severity| findings.iter().filter(|f| f.severity == severity).count();
        self.errors = of(Severity::Error);
        self.warnings = of(Severity::Warning);
    }

    /// One line for people about a run.
    pub fn line(&self) -> String {
        if self.controls.1 > 0 {
            let (held, all) = self.controls;
            return self.with_rest(vec![format!("{held}/{all} control experiments hold")]);
        }
        if let Some(single) = self.single_step_causes {
            return self.with_rest(self.about_steps(single));
        }
        let mut parts = vec![format!(
            "{}/{} drills recovered",
            self.drills.0, self.drills.1
        )];
        if self.live.1 > 0 {
            let (whole, all) = self.live;
            parts.push(format!("{whole}/{all} live, from alert to all-clear"));
        }
        if self.walked.1 > 0 {
            let (arrived, all) = self.walked;
            parts.push(format!("tree walks arrive in {arrived}/{all} drills"));
        }
        if self.astray_as_said > 0 {
            let n = self.astray_as_said;
            parts.push(format!("{} astray as said", plural(n, "walk")));
        }
        parts.extend([
            format!("{}/{} doc tests passed", self.doc_tests.0, self.doc_tests.1),
            format!(
                "{} blocks executed, {} waived",
                self.blocks.executed, self.blocks.waived
            ),
        ]);
        self.with_rest(parts)
    }

    fn about_steps(&self, single: usize) -> Vec<String> {
        let (held, all) = self.steps;
        let mut parts = vec![format!(
            "{held}/{all} resolution steps hold: {} needed, {} not needed as said",
            held - self.not_needed_as_said,
            self.not_needed_as_said
        )];
        if self.drills.0 < self.drills.1 {
            let (recovered, all) = self.drills;
            parts.push(format!("{recovered}/{all} drills recover with all steps"));
        }
        if single > 0 {
            let causes = plural(single, "cause");
            parts.push(format!(
                "{causes} of one step, which `test --control` leaves out"
            ));
        }
        parts
    }

    /// One line for people about a check, where nothing was run.
    pub fn checked_line(&self, n_jobs: usize) -> String {
        self.with_rest(vec![
            format!("{n_jobs} drills and doc tests to run"),
            format!(
                "{} blocks to execute, {} waived",
                self.blocks.executed, self.blocks.waived
            ),
        ])
    }

    fn with_rest(&self, mut parts: Vec<String>) -> String {
        if self.not_applicable > 0 {
            parts.push(format!("{} not applicable", self.not_applicable));
        }
        if self.reused > 0 {
            parts.push(format!("{} from evidence", self.reused));
        }
        if let Some(clicks) = self.longest_path {
            parts.push(format!("longest click path {clicks}"));
        }
        if let Some((linked, all)) = self.alerts {
            parts.push(format!("{linked}/{all} alerts linked"));
        }
        if self.errors > 0 {
            parts.push(plural(self.errors, "error"));
        }
        if self.warnings > 0 {
            parts.push(plural(self.warnings, "warning"));
        }
        parts.join(" · ")
    }
}

/// `1 link`, `2 links`.
pub(crate) fn plural(n: usize, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}
