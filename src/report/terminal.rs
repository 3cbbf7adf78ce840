//! Findings as rustc prints them, and the run as it goes.

use crate::evidence::{Evidence, Verdict};
use crate::finding::{Finding, Severity, Target};
use crate::run::Played;
use crate::source::Place;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

/// A finding as text; `colour` for a terminal.
pub fn finding(finding: &Finding, colour: bool) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level
        .clone()
        .primary_title(&finding.title)
        .id(finding.check);
    let mut group = match &finding.target {
        Target::Place(place) => at_place(Group::with_title(title), place, finding),
        Target::Path(path) => Group::with_title(title)
            .element(Origin::path(path.display().to_string()))
            .elements(none_if_empty(&finding.note).map(|note| Level::NOTE.message(note))),
    };
    for (place, _) in &finding.related {
        if !same_file(finding, place) {
            group = group.element(related_snippet(finding, place));
        }
    }
    let detail = finding
        .detail
        .as_deref()
        .map(str::trim_end)
        .filter(|d| !d.is_empty());
    group = group.elements(detail.map(|detail| Level::NOTE.no_name().message(detail)));
    group = group.elements(none_if_empty(&finding.help).map(|help| Level::HELP.message(help)));
    let renderer = if colour {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    renderer.render(&[group])
}

fn none_if_empty(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn same_file(finding: &Finding, place: &Place) -> bool {
    matches!(&finding.target, Target::Place(own) if own.file.path() == place.file.path())
}

fn at_place<'a>(group: Group<'a>, place: &'a Place, finding: &'a Finding) -> Group<'a> {
    let mut primary = AnnotationKind::Primary.span(visible(place));
    if !finding.note.is_empty() {
        primary = primary.label(&finding.note);
    }
    let mut snippet = Snippet::source(place.file.text())
        .line_start(1)
        .path(place.file.path().display().to_string())
        .annotation(primary);
    for (other, note) in &finding.related {
        if same_file(finding, other) {
            snippet = snippet.annotation(AnnotationKind::Context.span(visible(other)).label(note));
        }
    }
    group.element(snippet)
}

fn related_snippet<'a>(
    finding: &'a Finding,
    place: &'a Place,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let notes = finding.related.iter().filter(|(other, _)| other == place);
    Snippet::source(place.file.text())
        .line_start(1)
        .path(place.file.path().display().to_string())
        .annotations(
            notes.map(|(_, note)| AnnotationKind::Context.span(visible(place)).label(note)),
        )
}

/// The first line of a place: a block of many lines would drown its message.
fn visible(place: &Place) -> std::ops::Range<usize> {
    let text = &place.file.text()[place.span.clone()];
    let length = text.find(['\r', '\n']).unwrap_or(text.len());
    place.span.start..place.span.start + length
}

/// One line about a job that has ended.
pub fn ended(played: &Played) -> String {
    let evidence = &played.evidence;
    let mark = match &evidence.verdict {
        verdict if verdict.is_good() => "ok  ",
        Verdict::NotApplicable { .. } => "n/a ",
        _ => "FAIL",
    };
    let reused = if played.reused { " (evidence)" } else { "" };
    let mut line = format!(
        "{mark} {}: {}{reused}",
        evidence.subject.title(),
        verdict(evidence)
    );
    for left in &evidence.leftovers {
        line.push_str(&format!("\n     left running, killed: {left}"));
    }
    line
}

/// A verdict with what belongs to it.
pub fn verdict(evidence: &Evidence) -> String {
    match &evidence.verdict {
        Verdict::Recovered { ms } => format!("recovered ({}{})", seconds(*ms), live(evidence)),
        Verdict::Passed => format!("passed ({})", seconds(evidence.total_ms)),
        Verdict::StepNeeded { without } => format!("step-needed ({without} without it)"),
        Verdict::NotApplicable { missing } => format!("not applicable, lacks `{missing}`"),
        other => other.name().to_owned(),
    }
}

/// `; ServiceDown fired after 1.51 s, resolved after 0.27 s`, of a live drill.
fn live(evidence: &Evidence) -> String {
    let Some(live) = &evidence.live else {
        return String::new();
    };
    let fired = format!("; {} fired after {}", live.alert, seconds(live.fired_ms));
    let resolved = live.resolved_ms.map(seconds);
    fired + &resolved.map_or_else(String::new, |time| format!(", resolved after {time}"))
}

fn seconds(ms: u64) -> String {
    format!("{}.{:02} s", ms / 1000, ms % 1000 / 10)
}
