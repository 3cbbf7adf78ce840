//! What ran in a drill, stage by stage, with what it printed: bounded, and as text.

use crate::evidence::{Evidence, Outcome, Stage, StageRecord, StepRecord};
use crate::site::evidence_view::outcome;
use crate::site::text::time;
use serde::Serialize;

/// Bytes of output that a step shows of its beginning, and as many of its end.
const STEP_BYTES: usize = 6 * 1024;

/// Bytes of output that a page shows; later steps then show only their ends.
const PAGE_BYTES: usize = 256 * 1024;

/// Bytes that a step shows then.
const LEAST_BYTES: usize = 500;

/// Outputs with more lines than this are folded.
const OPEN_LINES: usize = 14;

#[derive(Serialize)]
pub(super) struct ShownStage {
    pub(super) id: String,
    pub(super) name: &'static str,
    what: &'static str,
    pub(super) time: String,
    /// The last one of a drill that was not good.
    is_end: bool,
    steps: Vec<ShownStep>,
}

#[derive(Serialize)]
struct ShownStep {
    code: String,
    code_lines: usize,
    place: String,
    class: &'static str,
    outcome: String,
    took: Option<String>,
    output: String,
    lines: usize,
    is_folded: bool,
    is_open: bool,
}

pub(super) fn stages(evidence: &Evidence) -> Vec<ShownStage> {
    let is_good = evidence.verdict.is_good();
    let mut room = PAGE_BYTES;
    let ran = evidence
        .stages
        .iter()
        .filter(|stage| stage.stage != Stage::Stop);
    let last = ran.count();
    let stages = evidence.stages.iter().enumerate();
    stages
        .map(|(at, stage)| ShownStage {
            id: format!("stage-{}", at + 1),
            name: stage.stage.name(),
            what: what(stage.stage, evidence.subject.cause.is_some()),
            time: time(stage.ms),
            is_end: !is_good && at + 1 == last,
            steps: steps(stage, &mut room),
        })
        .collect()
}

/// What the stage is for.
pub(super) fn what(stage: Stage, is_drill: bool) -> &'static str {
    match stage {
        Stage::Start => "the instance starts in a fresh sandbox, gets ready, and is seeded",
        Stage::Baseline => "Verification passes while nothing is wrong",
        Stage::Induce => "Drill brings the fault about",
        Stage::Detect => "Verification must fail now",
        Stage::Walk => "a decision tree is walked by what its commands print",
        Stage::Diagnose => "Diagnosis runs under the fault",
        Stage::Resolve => "Resolution runs",
        Stage::Verify if is_drill => "Verification must pass again, within the target",
        Stage::Verify => "the page's blocks run, in order",
        Stage::Invariant => "what must not be lost is as it was before the fault",
        Stage::Stop => "the instance stops, and the sandbox is thrown away",
    }
}

fn steps(stage: &StageRecord, room: &mut usize) -> Vec<ShownStep> {
    stage
        .steps
        .iter()
        .map(|record| step(stage.stage, record, room))
        .collect()
}

fn step(stage: Stage, record: &StepRecord, room: &mut usize) -> ShownStep {
    let most = if *room == 0 { LEAST_BYTES } else { STEP_BYTES };
    let output = bounded(record.output.trim_end_matches('\n'), most);
    *room = room.saturating_sub(output.len());
    let lines = output.lines().count();
    let (class, note) = match (stage, record.good) {
        (_, _) if record.outcome == Outcome::NotRun => ("rb-idle", ""),
        (Stage::Detect, false) => ("rb-good", ": it fails, as it must here"),
        (_, true) => ("rb-good", ""),
        (_, false) => ("rb-bad", ": not what it must do"),
    };
    ShownStep {
        code_lines: record.code.trim_end().lines().count(),
        code: record.code.trim_end().to_owned(),
        place: match (record.line, &record.page) {
            (0, _) => "book.toml".to_owned(),
            (line, None) => format!("line {line}"),
            (line, Some(page)) => format!("{} line {line}", page.display()),
        },
        class,
        outcome: outcome(&record.outcome) + note,
        took: (record.ms > 0).then(|| time(record.ms)),
        lines,
        is_folded: lines > OPEN_LINES || output.len() > 2048,
        is_open: class == "rb-bad",
        output,
    }
}

/// The head and the tail, with a line between that says what is left off here.
fn bounded(text: &str, most: usize) -> String {
    if text.len() <= 2 * most {
        return text.to_owned();
    }
    let is_boundary = |at: &usize| text.is_char_boundary(*at);
    let head = (0..=most).rev().find(is_boundary).unwrap_or(0);
    let tail = (text.len() - most..=text.len())
        .find(is_boundary)
        .unwrap_or(text.len());
    format!(
        "{}\n[… {} bytes are left off here; the evidence file has them …]\n{}",
        &text[..head],
        tail - head,
        &text[tail..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_off_is_said() {
        assert_eq!(bounded("short", 10), "short");
        let long = "é".repeat(1000);
        let shown = bounded(&long, 11);
        assert!(
            shown.starts_with("ééééé\n[… 1980 bytes") && shown.ends_with("\nééééé"),
            "{shown}"
        );
    }
}
