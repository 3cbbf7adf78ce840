//! `<!-- runbook: drills -->`: every cause with its time to recovery against the target, as a picture
//! and as a table, and the doc tests of the other chapters.

use super::card::minutes;
use super::controls::{Experiment, experiments};
use super::drill_page::{address, before};
use super::evidence_view::{alarm, speed, when};
use super::index::address as link;
use super::page_view::{State, View};
use super::template::fill;
use super::text::time;
use super::time_picture::{Marks, Scale, Shape, Tick};
use crate::evidence::{Evidence, Stage, Subject, Verdict};
use crate::page::{Cause, IssuePage, Page};
use serde::Serialize;
use std::cmp::Reverse;

#[derive(Serialize)]
struct Overview<'a> {
    recovered: usize,
    drills: usize,
    /// Causes whose fault was shown to stay without the resolution, with the book as it is now.
    controlled: usize,
    within: usize,
    slowest: Option<String>,
    ticks: Vec<Tick>,
    groups: Vec<Group<'a>>,
    rows: Vec<Row<'a>>,
    tests: Vec<Test<'a>>,
}

/// An issue in the picture.
#[derive(Serialize)]
struct Group<'a> {
    number: u32,
    title: &'a str,
    href: String,
    target: String,
    lines: Vec<Line<'a>>,
}

/// A cause in the picture.
#[derive(Serialize)]
struct Line<'a> {
    cause: &'a str,
    href: String,
    value: String,
    marks: Marks,
}

/// A cause in the table.
#[derive(Serialize)]
struct Row<'a> {
    page: String,
    title: &'a str,
    href: String,
    cause: &'a str,
    number: u32,
    class: &'static str,
    state: String,
    transcript: Option<String>,
    control: Experiment<'a>,
    others_hold: usize,
    others: usize,
    others_on_record: bool,
    induce: String,
    detect: String,
    fired: String,
    resolve: String,
    speed: String,
    before: Option<String>,
    resolved: String,
    target: String,
    when: String,
}

/// A chapter whose blocks were run.
#[derive(Serialize)]
struct Test<'a> {
    title: &'a str,
    href: String,
    class: &'static str,
    verdict: String,
    time: String,
    when: String,
    transcript: Option<String>,
}

/// What stands on `own` in the place of the directive.
pub(super) fn drills(own: &Page, view: &View<'_>) -> String {
    let issues = || {
        view.pages
            .iter()
            .filter_map(|page| Some((page, page.issue.as_ref()?)))
    };
    let causes = || {
        issues()
            .flat_map(|(page, issue)| issue.causes.iter().map(move |cause| (page, issue, cause)))
    };
    let speeds = || causes().filter_map(|(page, _, cause)| recovery(&view.state(page, cause)));
    let scale = Scale::of(speeds().chain(issues().map(|(_, issue)| target(issue))));
    let is_within = |(page, issue, cause): &(&Page, &IssuePage, &Cause)| {
        recovery(&view.state(page, cause)).is_some_and(|ms| ms <= target(issue))
    };
    let mut groups: Vec<_> = issues()
        .filter(|(_, issue)| !issue.causes.is_empty())
        .map(|(page, issue)| group(own, (page, issue), scale, view))
        .collect();
    groups.sort_by_key(|group| group.number);
    let rows: Vec<Row<'_>> = causes()
        .map(|(page, issue, cause)| row(own, (page, issue), cause, view))
        .collect();
    let overview = Overview {
        controlled: rows.iter().filter(|row| row.control.holds).count(),
        recovered: speeds().count(),
        drills: causes().count(),
        within: causes().filter(is_within).count(),
        slowest: speeds().max().map(time),
        ticks: scale.ticks(),
        groups,
        rows,
        tests: view
            .pages
            .iter()
            .filter_map(|page| test(own, page, view))
            .collect(),
    };
    fill("overview.html", &overview)
}

/// In milliseconds.
fn target(issue: &IssuePage) -> u64 {
    u64::try_from(issue.resolve_within.as_millis()).unwrap_or(u64::MAX)
}

/// How long the last recovery took.
fn recovery(state: &State<'_>) -> Option<u64> {
    state.evidence()?.verdict.recovery()
}

/// What is not as it should be first, then the slowest.
fn group<'a>(
    own: &Page,
    (page, issue): (&'a Page, &'a IssuePage),
    scale: Scale,
    view: &View<'_>,
) -> Group<'a> {
    let mut states: Vec<_> = issue
        .causes
        .iter()
        .map(|cause| (cause, view.state(page, cause)))
        .collect();
    states.sort_by_key(|(_, state)| Reverse((rank(state), recovery(state))));
    let to = page.html_path();
    let lines = states.into_iter().map(|(cause, state)| Line {
        cause: &cause.name,
        href: address(own, page, cause, view)
            .unwrap_or_else(|| link(own, &to, cause.id.as_deref())),
        value: value(&state),
        marks: marks(&state, target(issue), scale),
    });
    Group {
        number: issue.number,
        title: page.title(),
        href: link(own, &to, None),
        target: minutes(target(issue)),
        lines: lines.collect(),
    }
}

fn rank(state: &State<'_>) -> u8 {
    match state {
        State::Failed(_) => 3,
        State::Unknown => 2,
        State::Stale(_) => 1,
        State::Verified(_) => 0,
    }
}

fn class(state: &State<'_>) -> &'static str {
    match state {
        State::Verified(_) => "rb-good",
        State::Stale(_) | State::Unknown => "rb-stale",
        State::Failed(_) => "rb-bad",
    }
}

/// The state in short: when is told elsewhere.
fn word(state: &State<'_>) -> String {
    match state {
        State::Verified(_) => "resolved".to_owned(),
        State::Stale(_) => "changed since".to_owned(),
        State::Failed(evidence) => evidence.verdict.name().replace('-', " "),
        State::Unknown => "not verified yet".to_owned(),
    }
}

fn value(state: &State<'_>) -> String {
    match state {
        State::Verified(evidence) => speed(evidence),
        State::Stale(evidence) => format!("{}, page changed since", speed(evidence)),
        State::Failed(evidence) => evidence.verdict.name().replace('-', " "),
        State::Unknown => "not played yet".to_owned(),
    }
}

/// What failed has no time: its cross stands at the target, which it has not met.
fn marks(state: &State<'_>, target: u64, scale: Scale) -> Marks {
    let (shape, at) = match state {
        State::Verified(_) => (Shape::Good, recovery(state)),
        State::Stale(_) => (Shape::Stale, recovery(state)),
        State::Failed(evidence) => match evidence.verdict {
            Verdict::NotApplicable { .. } => (Shape::None, None),
            _ => (Shape::Bad, Some(target)),
        },
        State::Unknown => (Shape::None, None),
    };
    scale.marks(shape, at, Some(target))
}

fn row<'a>(
    own: &Page,
    (page, issue): (&'a Page, &'a IssuePage),
    cause: &'a Cause,
    view: &View<'a>,
) -> Row<'a> {
    let state = view.state(page, cause);
    let evidence = state.evidence();
    let shown = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    let took = |stage: Stage| shown(evidence.and_then(|e: &Evidence| e.took(stage)).map(time));
    let (fired, resolved) = evidence.and_then(alarm).unzip();
    let to = page.html_path();
    let mut experiments = experiments(page, issue, cause, view).into_iter();
    let control = experiments.next().expect("it is left alone first");
    let others: Vec<_> = experiments.collect();
    Row {
        others_hold: others.iter().filter(|it| it.holds).count(),
        others: others.len(),
        others_on_record: others.iter().any(Experiment::is_on_record),
        control,
        page: link(own, &to, None),
        title: page.title(),
        href: link(own, &to, cause.id.as_deref()),
        cause: &cause.name,
        number: issue.number,
        class: class(&state),
        state: word(&state),
        transcript: address(own, page, cause, view),
        induce: took(Stage::Induce),
        detect: took(Stage::Detect),
        resolve: took(Stage::Resolve),
        fired: shown(fired),
        resolved: shown(resolved),
        speed: shown(evidence.map(speed)),
        before: evidence.and_then(before),
        target: minutes(target(issue)),
        when: shown(evidence.map(when)),
    }
}

fn test<'a>(own: &Page, page: &'a Page, view: &View<'_>) -> Option<Test<'a>> {
    let subject = Subject::doc_test(page);
    let evidence = view.store.last(&subject)?;
    let (class, verdict) = match view.store.state(page, &subject, view.inputs) {
        State::Stale(_) => ("rb-stale", "changed since it passed".to_owned()),
        State::Verified(_) => ("rb-good", evidence.verdict.name().to_owned()),
        _ => ("rb-bad", evidence.verdict.name().replace('-', " ")),
    };
    Some(Test {
        title: page.title(),
        href: link(own, &page.html_path(), None),
        class,
        verdict,
        time: time(evidence.total_ms),
        when: when(evidence),
        transcript: view.transcripts.get(&subject, &own.html_path()),
    })
}
