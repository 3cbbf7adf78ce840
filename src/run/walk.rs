//! Decision trees walked in a session: in a drill to the issue's page, on a healthy instance nowhere.

use super::drill::Drill;
use super::record::{Failed, Recorder};
use crate::evidence::{Stage, TurnRecord, Verdict, WalkEnd, WalkRecord};
use crate::finding::Finding;
use crate::page::Step;
use crate::source::Place;
use crate::tree::{Answer, End, Tree, Walk, walk};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between two walks of a tree that does not arrive at once.
const PAUSE: Duration = Duration::from_millis(250);

/// Lines of a command's output that a record keeps: what an operator looks at.
const SHOWN_LINES: usize = 8;

impl Drill<'_> {
    /// Walks every tree that leads to the issue's page; `Err` if one does not arrive and the page
    /// does not say so, or says so wrongly. All trees are walked before.
    pub(super) fn walk(
        &self,
        trees: &[Arc<Tree>],
        recorder: &mut Recorder<'_>,
    ) -> Result<(), Failed> {
        let settle = self.instance.map_or(Duration::ZERO, |i| i.settle);
        let mut failed: Option<Failed> = None;
        for tree in trees {
            let astray = self.astray(tree);
            // An instance may take its time to show a fault, as in *detect*.
            let within = if astray.is_some() {
                Duration::ZERO
            } else {
                settle
            };
            let (mut record, place) = self.walk_one(tree, within, recorder)?;
            record.astray = astray.map(str::to_owned);
            let more = self.judge_walk(&record, place);
            recorder.walks.push(record);
            failed = match (failed, more) {
                (Some(first), Some(more)) => Some(first.with(more)),
                (first, more) => first.or(more),
            };
        }
        failed.map_or(Ok(()), Err)
    }

    fn astray(&self, tree: &Tree) -> Option<&str> {
        let mut said = self.cause.astray.iter();
        said.find(|(name, _)| *name == tree.title)
            .map(|(_, why)| why.as_str())
    }

    fn walk_one(
        &self,
        tree: &Tree,
        within: Duration,
        recorder: &mut Recorder<'_>,
    ) -> Result<(WalkRecord, Place), Failed> {
        let deadline = Instant::now() + within;
        recorder.begin(Stage::Walk);
        loop {
            recorder.restart_stage();
            let walked = ask(tree, recorder)?;
            let mut record = record(tree, &walked);
            record.arrived =
                matches!(&record.end, WalkEnd::Leaf { issue, .. } if *issue == self.issue.number);
            if record.arrived || Instant::now() + PAUSE >= deadline {
                return Ok((record, place(&walked)));
            }
            if !recorder.session.pause(PAUSE) {
                return Err(Failed::interrupted());
            }
        }
    }

    fn judge_walk(&self, record: &WalkRecord, place: Place) -> Option<Failed> {
        let own = &self.cause.name;
        let tree = &record.tree;
        let (verdict, finding) = match (record.arrived, &record.astray) {
            (true, None) | (false, Some(_)) => return None,
            (false, None) => (
                Verdict::Astray,
                Finding::error(
                    "astray",
                    place,
                    format!("the decision tree `{tree}` does not lead to the issue of `{own}`"),
                )
                .note(format!("the walk ended here, {}", record.end.in_words()))
                .related(self.cause.place.clone(), "with this fault induced")
                .help(format!("correct the conditions on this way; or say on the first block of the cause's resolution why it is not found: `{{astray=\"{tree}: why\"}}`")),
            ),
            (true, Some(_)) => (
                Verdict::AstrayUntrue,
                Finding::error(
                    "astray-untrue",
                    self.cause.place.clone(),
                    format!("the decision tree `{tree}` does lead to the issue of `{own}`"),
                )
                .note("though its `astray` says that it does not")
                .related(place, "the walk ended here")
                .help("take the tree out of `astray`"),
            ),
        };
        Some(Failed::new(verdict, finding.detail(path(record))))
    }
}

/// Walks the tree of a chapter on a healthy instance: it must end at no cause.
pub(super) fn on_healthy(tree: &Tree, recorder: &mut Recorder<'_>) -> Result<(), Failed> {
    recorder.begin(Stage::Walk);
    let walked = ask(tree, recorder)?;
    let record = record(tree, &walked);
    let accused = matches!(walked.end, End::Leaf(..));
    let finding = accused.then(|| {
        Finding::error(
            "tree-accuses-healthy",
            place(&walked),
            format!(
                "the decision tree `{}` finds a cause on a healthy instance",
                record.tree
            ),
        )
        .note(format!("the walk ended here, {}", record.end.in_words()))
        .detail(path(&record))
        .help("make a condition on this way stricter; `otherwise` holds on a healthy instance, too")
    });
    recorder.walks.push(record);
    match finding {
        Some(finding) => Err(Failed::new(Verdict::TreeAccusesHealthy, finding)),
        None => Ok(()),
    }
}

fn ask<'t>(tree: &'t Tree, recorder: &mut Recorder<'_>) -> Result<Walk<'t>, Failed> {
    walk(tree, |steps: &[Step]| answer(steps, &tree.page, recorder))
}

/// Runs the commands of a decision. Their `{output}` is that of a healthy instance, so it is not
/// asked for here.
fn answer(steps: &[Step], page: &Path, recorder: &mut Recorder<'_>) -> Result<Answer, Failed> {
    let mut answer = Answer::default();
    for step in steps {
        match recorder.ask(step, page)? {
            Ok((printed, status)) => {
                answer.printed.push_str(&printed);
                answer.status = status;
            }
            Err(bad) => {
                let finding = bad
                    .finding("step-failed", "a command of a decision tree cannot be used")
                    .help("it may fail, but must be found and must end within its time");
                return Err(Failed::new(Verdict::StepFailed, finding));
            }
        }
    }
    Ok(answer)
}

/// Where a walk ended, on the tree's page.
fn place(walked: &Walk<'_>) -> Place {
    match &walked.end {
        End::Leaf(branch, _) => branch.place.clone(),
        End::NoBranch(decision) => decision
            .steps
            .first()
            .map_or(&decision.place, |step| &step.place)
            .clone(),
        End::NeedsEyes(decision) => decision.place.clone(),
    }
}

fn record(tree: &Tree, walked: &Walk<'_>) -> WalkRecord {
    let turns = walked.turns.iter().map(|turn| TurnRecord {
        question: turn.decision.question.clone(),
        line: turn.decision.steps.first().map_or(0, |s| s.first_line),
        printed: shown(&turn.answer.printed),
        status: turn.answer.status,
        branch: turn.branch.map(|branch| branch.condition_text.clone()),
    });
    WalkRecord {
        tree: tree.title.clone(),
        page: tree.page.clone(),
        turns: turns.collect(),
        end: match &walked.end {
            End::Leaf(_, leaf) => leaf
                .to
                .as_ref()
                .map_or(WalkEnd::NoCause, |to| WalkEnd::Leaf {
                    page: to.page.clone(),
                    anchor: to.anchor.clone(),
                    issue: to.issue,
                    cause: to.cause.clone(),
                }),
            End::NoBranch(_) => WalkEnd::NoBranch,
            End::NeedsEyes(_) => WalkEnd::NeedsEyes,
        },
        arrived: false,
        astray: None,
    }
}

/// The first lines, each as long as a terminal is wide.
fn shown(printed: &str) -> String {
    let lines: Vec<String> = printed
        .lines()
        .take(SHOWN_LINES)
        .map(|line| line.chars().take(160).collect())
        .collect();
    let more = printed.lines().count().saturating_sub(SHOWN_LINES);
    match more {
        0 => lines.join("\n"),
        more => format!("{}\n[… {more} lines …]", lines.join("\n")),
    }
}

/// The way of a walk, for a message.
fn path(record: &WalkRecord) -> String {
    let mut text = format!("the walk through {}:\n", record.page.display());
    for turn in &record.turns {
        text.push_str(&format!("line {}: {}\n", turn.line, turn.question));
        for line in turn.printed.lines() {
            text.push_str(&format!("  | {line}\n"));
        }
        match turn.status {
            Some(status) => text.push_str(&format!("  exit status {status}\n")),
            None => text.push_str("  ended by Ctrl-C\n"),
        }
        match &turn.branch {
            Some(branch) => text.push_str(&format!("  -> {branch}\n")),
            None => text.push_str("  -> no branch holds\n"),
        }
    }
    text.push_str(&format!("it ended {}\n", record.end.in_words()));
    text
}
