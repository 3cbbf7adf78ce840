//! What stands on a transcript.

use super::Transcript;
use super::head::Head;
use super::runs::{self, Run, before};
use super::stages::{ShownStage, stages, what};
use crate::evidence::{Evidence, LogLine, Stage, Subject, WalkEnd, WalkRecord};
use crate::page::{Cause, IssuePage, Page, families, html_path};
use crate::site::card::minutes;
use crate::site::controls::{Experiment, experiments};
use crate::site::page_view::{View, styles};
use crate::site::template::fill;
use crate::site::text::{relative, time};
use crate::site::time_picture::{Marks, Scale, Shape, Tick, share};
use serde::Serialize;
use std::path::Path;

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    ticks: Vec<Tick>,
    times: Vec<TimeRow>,
    runs: Vec<Run>,
    before: Option<String>,
    target: Option<String>,
    stages: Vec<ShownStage>,
    walks: Vec<ShownWalk<'a>>,
    experiments: Vec<Experiment<'a>>,
    log: Vec<ShownLine<'a>>,
    left_off: usize,
    leftovers: &'a [String],
    drills: Option<String>,
    previous: Option<Way>,
    next: Option<Way>,
}

/// A row of the picture.
#[derive(Serialize)]
struct TimeRow {
    name: &'static str,
    what: &'static str,
    href: Option<String>,
    time: String,
    share: Option<String>,
    marks: Marks,
    is_sum: bool,
}

#[derive(Serialize)]
struct ShownWalk<'a> {
    tree: &'a str,
    href: String,
    turns: &'a [crate::evidence::TurnRecord],
    end: String,
    end_href: Option<String>,
    arrived: bool,
    is_drill: bool,
    astray: Option<&'a str>,
}

#[derive(Serialize)]
struct ShownLine<'a> {
    line: &'a str,
    family: Option<(String, String)>,
}

#[derive(Serialize)]
struct Way {
    href: String,
    name: String,
}

/// All transcripts, in the order in which one leads to the next.
pub fn all(view: &View<'_>) -> Vec<Transcript> {
    let order: Vec<(&Subject, &Path)> = view.transcripts.iter().collect();
    let transcript = |at: usize| {
        let (subject, path) = order[at];
        let evidence = view.store.last(subject)?;
        let page = view.pages.iter().find(|page| page.path == subject.page)?;
        let way = |to: Option<&(&Subject, &Path)>| {
            to.map(|(to, other)| Way {
                href: relative(path, other),
                name: name(to, view),
            })
        };
        let beside = (
            way(at.checked_sub(1).and_then(|at| order.get(at))),
            way(order.get(at + 1)),
        );
        let shown = shown(evidence, page, path, beside, view);
        Some(Transcript {
            path: path.to_owned(),
            title: shown.head.title.clone(),
            main: format!(
                "<style>{}</style>\n{}",
                styles(),
                fill("transcript.html", &shown)
            ),
        })
    };
    (0..order.len()).filter_map(transcript).collect()
}

/// What people call it.
pub(super) fn name(subject: &Subject, view: &View<'_>) -> String {
    let page = view.pages.iter().find(|page| page.path == subject.page);
    let title = page.map_or("", Page::title);
    match &subject.cause {
        Some(cause) => format!("{title}: {cause}"),
        None => title.to_owned(),
    }
}

fn shown<'a>(
    evidence: &'a Evidence,
    page: &'a Page,
    path: &Path,
    (previous, next): (Option<Way>, Option<Way>),
    view: &View<'a>,
) -> Shown<'a> {
    let head = Head::of(evidence, page, path, view);
    let experiments = issue_and_cause(page, &evidence.subject)
        .map(|(issue, cause)| experiments(page, issue, cause, view));
    let issue = page.issue.as_ref().filter(|_| head.is_drill());
    let target =
        issue.map(|issue| u64::try_from(issue.resolve_within.as_millis()).unwrap_or(u64::MAX));
    let speed = evidence.verdict.recovery();
    let stages = stages(evidence);
    let took = evidence.stages.iter().map(|stage| stage.ms);
    let live = evidence
        .live
        .iter()
        .flat_map(|live| [Some(live.fired_ms), live.resolved_ms]);
    let past = evidence.past.iter().filter_map(runs::length);
    let all = took.chain(target).chain(speed).chain(past);
    let scale = Scale::of(all.chain(live.flatten()));
    let walks = evidence.walks.iter();
    Shown {
        ticks: scale.ticks(),
        times: times(evidence, (target, speed), scale, &stages),
        runs: runs::runs(evidence, target, scale),
        before: before(evidence),
        target: target.map(minutes),
        stages,
        walks: walks
            .map(|walk| shown_walk(walk, head.is_drill(), path))
            .collect(),
        experiments: experiments.unwrap_or_default(),
        log: log(evidence, path, view),
        left_off: evidence.log.as_ref().map_or(0, |log| log.left_off),
        leftovers: &evidence.leftovers,
        drills: drills_page(view).map(|page| relative(path, &page.html_path())),
        previous,
        next,
        head,
    }
}

/// The issue and the cause of a drill, where the page still has them.
pub(super) fn issue_and_cause<'a>(
    page: &'a Page,
    subject: &Subject,
) -> Option<(&'a IssuePage, &'a Cause)> {
    let issue = page.issue.as_ref()?;
    Some((issue, issue.cause(subject.cause.as_deref()?)?))
}

/// The chapter that lists all drills.
pub(super) fn drills_page<'a>(view: &View<'a>) -> Option<&'a Page> {
    let mut pages = view.pages.iter();
    pages.find(|page| page.document.has_directive("drills"))
}

fn times(
    evidence: &Evidence,
    (target, speed): (Option<u64>, Option<u64>),
    scale: Scale,
    stages: &[ShownStage],
) -> Vec<TimeRow> {
    let is_drill = target.is_some();
    let mut times: Vec<TimeRow> = evidence
        .stages
        .iter()
        .zip(stages)
        .map(|(record, shown)| TimeRow {
            name: record.stage.name(),
            what: what(record.stage, is_drill),
            href: Some(format!("#{}", shown.id)),
            time: time(record.ms),
            share: None,
            marks: scale.marks(Shape::Part, Some(record.ms), target),
            is_sum: false,
        })
        .collect();
    let place = |stage| {
        evidence
            .stages
            .iter()
            .rposition(|record| record.stage == stage)
    };
    let after = |stage| place(stage).map_or(times.len(), |at| at + 1);
    let (detected, verified) = (after(Stage::Detect), after(Stage::Verify));
    let live = evidence.live.as_ref().filter(|live| !live.alert.is_empty());
    // From the back, so that the places before stay true.
    if let Some(ms) = live.and_then(|live| live.resolved_ms) {
        let what = "from Verification passing until Prometheus and Alertmanager know";
        times.insert(verified, sum(("alert resolved", what), ms, target, scale));
    }
    if let Some(target) = target {
        times.insert(verified, recovery(speed, target, scale));
    }
    if let Some(live) = live {
        let what = "from the fault until the alert fires";
        times.insert(
            detected,
            sum(("alert fired", what), live.fired_ms, target, scale),
        );
    }
    times
}

fn recovery(speed: Option<u64>, target: u64, scale: Scale) -> TimeRow {
    TimeRow {
        name: "recovered in",
        what: "from the start of Resolution until Verification passes",
        href: None,
        time: speed.map_or_else(|| "not recovered".to_owned(), time),
        share: speed.map(|ms| share(ms, target)),
        marks: scale.marks(Shape::Good, speed, Some(target)),
        is_sum: true,
    }
}

/// A time that is no stage's own.
fn sum(
    (name, what): (&'static str, &'static str),
    ms: u64,
    target: Option<u64>,
    scale: Scale,
) -> TimeRow {
    TimeRow {
        name,
        what,
        href: None,
        time: time(ms),
        share: None,
        marks: scale.marks(Shape::Part, Some(ms), target),
        is_sum: true,
    }
}

fn shown_walk<'a>(walk: &'a WalkRecord, is_drill: bool, path: &Path) -> ShownWalk<'a> {
    let (end, end_href) = match &walk.end {
        WalkEnd::Leaf {
            page,
            anchor,
            issue,
            cause,
        } => (
            format!("{issue}. {cause}"),
            Some(format!("{}#{anchor}", relative(path, &html_path(page)))),
        ),
        other => (other.in_words(), None),
    };
    ShownWalk {
        tree: &walk.tree,
        href: relative(path, &html_path(&walk.page)),
        turns: &walk.turns,
        end,
        end_href,
        arrived: walk.arrived,
        is_drill,
        astray: walk.astray.as_deref(),
    }
}

/// What the instance logged, each line with its family of the catalogue.
fn log<'a>(evidence: &'a Evidence, path: &Path, view: &View<'a>) -> Vec<ShownLine<'a>> {
    let lines = evidence.log.iter().flat_map(|log| &log.lines);
    lines
        .map(|LogLine { line, family }| ShownLine {
            line,
            family: family_of(*family, path, view),
        })
        .collect()
}

fn family_of(number: u32, path: &Path, view: &View<'_>) -> Option<(String, String)> {
    view.pages.iter().find_map(|page| {
        let family = families(page)
            .into_iter()
            .find(|family| family.number == number)?;
        let href = format!("{}#pattern-{number}", relative(path, &page.html_path()));
        Some((href, family.heading.text.clone()))
    })
}
