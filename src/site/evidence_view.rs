//! Evidence under the heading of a cause: when, against what, how fast, with the transcript.

use super::drill_page::address;
use super::page_view::{State, View};
use super::template::fill;
use super::text::time;
use crate::evidence::{Evidence, Outcome, StageRecord, StepRecord};
use crate::page::{Cause, Page, html_path};
use serde::Serialize;

#[derive(Serialize, Default)]
struct Shown<'a> {
    state: &'static str,
    class: &'static str,
    /// The page, a program or the configuration is not as it was.
    has_changed: bool,
    when: String,
    verdict: &'static str,
    version: Option<&'a str>,
    speed: String,
    isolation: &'a str,
    tool: &'a str,
    loss: Option<&'a str>,
    also: &'a [(String, String)],
    astray: &'a [(String, String)],
    live: Option<ShownLive>,
    stages: Vec<ShownStage>,
    transcript: Option<String>,
}

/// What the alert did.
#[derive(Serialize)]
struct ShownLive {
    alert: String,
    fired: String,
    opened: String,
    /// The page that it opened is the cause's own.
    is_own: bool,
    resolved: Option<String>,
    services: String,
    scale: u32,
}

#[derive(Serialize)]
struct ShownStage {
    name: &'static str,
    time: String,
    steps: Vec<ShownStep>,
}

#[derive(Serialize)]
struct ShownStep {
    text: String,
    good: bool,
    place: String,
    outcome: String,
}

/// One line of HTML.
pub(super) fn of_cause(page: &Page, cause: &Cause, view: &View<'_>) -> String {
    let state = view.state(page, cause);
    let (name, class, evidence) = match &state {
        State::Verified(evidence) => ("verified", "rb-good", Some(*evidence)),
        State::Stale(evidence) => ("stale", "rb-stale", Some(*evidence)),
        State::Failed(evidence) => ("failed", "rb-bad", Some(*evidence)),
        State::Unknown => ("unknown", "rb-stale", None),
    };
    let mut shown = evidence.map(shown).unwrap_or_default();
    shown.state = name;
    shown.class = class;
    shown.has_changed =
        evidence.is_some_and(|evidence| !evidence.freshness(page, view.inputs).is_fresh());
    shown.transcript = address(page, page, cause, view);
    if shown.transcript.is_some() {
        shown.stages.clear();
    }
    shown.loss = cause.loss.as_deref();
    shown.also = &cause.also;
    shown.astray = &cause.astray;
    fill("evidence.html", &shown)
}

fn shown(evidence: &Evidence) -> Shown<'_> {
    Shown {
        when: when(evidence),
        verdict: evidence.verdict.name(),
        version: evidence.instance_version.as_deref(),
        speed: speed(evidence),
        isolation: &evidence.isolation,
        tool: &evidence.tool_version,
        live: live(evidence),
        stages: evidence.stages.iter().map(stage).collect(),
        ..Shown::default()
    }
}

/// `None` where no alert has fired.
fn live(evidence: &Evidence) -> Option<ShownLive> {
    let live = evidence.live.as_ref()?;
    (!live.alert.is_empty()).then(|| ShownLive {
        alert: live.alert.clone(),
        fired: time(live.fired_ms),
        opened: live.opened.display().to_string(),
        is_own: live.opened == html_path(&evidence.subject.page),
        resolved: live.resolved_ms.map(time),
        services: live.services.join(" and "),
        scale: live.scale,
    })
}

/// When its alert fired and when it was resolved, for a table; `None` where the drill was not live.
pub(super) fn alarm(evidence: &Evidence) -> Option<(String, String)> {
    let live = evidence
        .live
        .as_ref()
        .filter(|live| !live.alert.is_empty())?;
    let resolved = live.resolved_ms.map_or_else(|| "–".to_owned(), time);
    Some((time(live.fired_ms), resolved))
}

/// How long the resolution took.
pub(super) fn speed(evidence: &Evidence) -> String {
    let ms = evidence.verdict.recovery();
    ms.map_or_else(|| "–".to_owned(), time)
}

/// When a run ended.
pub(super) fn when(evidence: &Evidence) -> String {
    moment(&evidence.finished_at)
}

/// An RFC 3339 time as `2026-11-24 03:12 UTC`.
pub(super) fn moment(finished_at: &str) -> String {
    let text = finished_at.replace('T', " ");
    format!("{} UTC", text.get(..16).unwrap_or(&text))
}

fn stage(stage: &StageRecord) -> ShownStage {
    ShownStage {
        name: stage.stage.name(),
        time: time(stage.ms),
        steps: stage.steps.iter().map(step).collect(),
    }
}

fn step(step: &StepRecord) -> ShownStep {
    let mut text: String = step
        .code
        .lines()
        .map(|line| format!("$ {line}\n"))
        .collect();
    text.push_str(&bounded(&step.output));
    ShownStep {
        text,
        good: step.good,
        place: match (step.line, &step.page) {
            (0, _) => "book.toml".to_owned(),
            (line, None) => format!("line {line}"),
            (line, Some(page)) => format!("{} line {line}", page.display()),
        },
        outcome: outcome(&step.outcome),
    }
}

pub(super) fn outcome(outcome: &Outcome) -> String {
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
