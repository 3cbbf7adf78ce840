//! Evidence under the heading of a cause: when, against what, how fast, with the transcript.

use super::page_view::{State, View};
use super::text::{escape, time};
use crate::evidence::{Evidence, Outcome, StageRecord, StepRecord, Verdict};
use crate::page::{Cause, Page};

/// One line of HTML.
pub(super) fn of_cause(page: &Page, cause: &Cause, view: &View<'_>) -> String {
    let (class, sentence, evidence) = match view.state(page, cause) {
        State::Verified(evidence) => ("rb-good", recovered(evidence, ""), Some(evidence)),
        State::Stale(evidence) => (
            "rb-stale",
            recovered(evidence, " The page or the instance has changed since."),
            Some(evidence),
        ),
        State::Failed(evidence) => (
            "rb-bad",
            format!(
                "The last drill, {}, did not recover: <b>{}</b>.",
                escape(&when(evidence)),
                evidence.verdict.name()
            ),
            Some(evidence),
        ),
        State::Unknown => (
            "rb-stale",
            "Not verified yet: no drill of this cause is on record.".to_owned(),
            None,
        ),
    };
    let loss = cause.loss.as_ref().map_or_else(String::new, |loss| {
        format!("<p><b>This loses data:</b> {}</p>", escape(loss))
    });
    let transcript = evidence.map(transcript).unwrap_or_default();
    format!("<div class=\"rb-evidence {class}\"><p>{sentence}</p>{loss}{transcript}</div>")
}

fn recovered(evidence: &Evidence, more: &str) -> String {
    let speed = match evidence.verdict {
        Verdict::Recovered { ms } => time(ms),
        _ => time(evidence.total_ms),
    };
    let version = evidence
        .instance_version
        .as_ref()
        .map_or_else(String::new, |version| {
            format!(" against <code>{}</code>", escape(version))
        });
    let isolation = match evidence.isolation.as_str() {
        "full" => "",
        _ => ", on a bare host",
    };
    format!(
        "Last resolved {}{version} in <b>{speed}</b>{isolation}.{more}",
        escape(&when(evidence))
    )
}

/// `2026-11-24 03:12 UTC`.
pub(super) fn when(evidence: &Evidence) -> String {
    let text = evidence.finished_at.replace('T', " ");
    format!("{} UTC", text.get(..16).unwrap_or(&text))
}

fn transcript(evidence: &Evidence) -> String {
    let stages: String = evidence.stages.iter().map(stage).collect();
    format!(
        "<details class=\"rb-transcript\"><summary>Transcript</summary>{stages}<p>mdbook-runbook {}, isolation: {}</p></details>",
        escape(&evidence.tool_version),
        escape(&evidence.isolation)
    )
}

fn stage(stage: &StageRecord) -> String {
    let steps: String = stage.steps.iter().map(step).collect();
    format!(
        "<p><b>{}</b> {}</p>{steps}",
        stage.stage.name(),
        time(stage.ms)
    )
}

fn step(step: &StepRecord) -> String {
    let mut text: String = step
        .code
        .lines()
        .map(|line| format!("$ {line}\n"))
        .collect();
    text.push_str(&bounded(&step.output));
    let place = match step.line {
        0 => "book.toml".to_owned(),
        line => format!("line {line}"),
    };
    let class = if step.good {
        "rb-step"
    } else {
        "rb-step rb-bad"
    };
    format!(
        "<pre class=\"{class}\">{}</pre><p class=\"rb-outcome\">{place}: {}</p>",
        escape(&text),
        outcome(&step.outcome)
    )
}

fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Exited { status } => format!("exit status {status}"),
        Outcome::Interrupted => "ended by Ctrl-C, as the page asks".to_owned(),
        Outcome::TimedOut { limit_ms } => format!("killed after {}", time(*limit_ms)),
        Outcome::SessionEnded { .. } => "ended the session".to_owned(),
        Outcome::LeftEarly => "left early".to_owned(),
        Outcome::OutputLimit { .. } => "killed: too much output".to_owned(),
        Outcome::NotRun => "not run".to_owned(),
    }
}

/// A page shows the first 60 lines of a step; the rest is in the evidence file.
fn bounded(output: &str) -> String {
    let lines: Vec<&str> = output.lines().collect();
    if lines.len() <= 60 {
        return output.to_owned();
    }
    format!(
        "{}\n[… {} lines …]",
        lines[..60].join("\n"),
        lines.len() - 60
    )
}
