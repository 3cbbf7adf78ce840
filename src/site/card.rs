//! The head of an issue page: what it is about, how sure it is, where to go.

use super::alerts;
use super::drill_page::address;
use super::evidence_view;
use super::page_view::{State, View};
use super::template::fill;
use super::text::{relative, time};
use crate::page::{IssuePage, Page, families};
use serde::Serialize;

#[derive(Serialize)]
struct Card<'a> {
    number: u32,
    severity: Option<&'a str>,
    category: Option<&'a str>,
    target: String,
    alerts: Vec<AlertLink<'a>>,
    resolution: Option<&'a str>,
    patterns: Vec<Pattern<'a>>,
    verified: String,
    causes: Vec<CauseLine<'a>>,
}

#[derive(Serialize)]
struct AlertLink<'a> {
    name: &'a str,
    href: Option<String>,
}

/// A family of the log catalogue.
#[derive(Serialize)]
struct Pattern<'a> {
    href: String,
    name: &'a str,
}

#[derive(Serialize)]
struct CauseLine<'a> {
    name: &'a str,
    id: Option<&'a str>,
    mark: Mark,
    time: Option<String>,
    transcript: Option<String>,
}

/// How a state is shown.
#[derive(Serialize)]
pub(super) struct Mark {
    /// CSS class.
    class: &'static str,
    /// What the reader sees.
    word: String,
}

/// One line of HTML.
pub(super) fn card(page: &Page, issue: &IssuePage, view: &View<'_>) -> String {
    let front_matter = &page.front_matter;
    let target = u64::try_from(issue.resolve_within.as_millis()).unwrap_or(u64::MAX);
    let causes = issue.causes.iter().map(|cause| {
        let state = view.state(page, cause);
        CauseLine {
            name: &cause.name,
            id: cause.id.as_deref(),
            mark: mark(&state),
            time: state
                .evidence()
                .filter(|_| state.is_good())
                .map(evidence_view::speed),
            transcript: address(page, page, cause, view),
        }
    });
    let alerts = front_matter.alerts.iter().map(|alert| AlertLink {
        name: &alert.name,
        href: alerts::address_of_row(page, &alert.name, view),
    });
    let card = Card {
        number: issue.number,
        severity: front_matter.severity.as_deref(),
        category: front_matter
            .category
            .as_ref()
            .map(|(name, _)| name.as_str()),
        target: minutes(target),
        alerts: alerts.collect(),
        resolution: issue.resolution_id.as_deref(),
        patterns: patterns(page, view),
        verified: verified(page, issue, view),
        causes: causes.collect(),
    };
    fill("card.html", &card)
}

/// How many causes are proved as the page is now, since when, and against what.
fn verified(page: &Page, issue: &IssuePage, view: &View<'_>) -> String {
    let states = issue.causes.iter().map(|cause| view.state(page, cause));
    let good: Vec<_> = states
        .filter_map(|state| match state {
            State::Verified(evidence) => Some(evidence),
            _ => None,
        })
        .collect();
    let Some(last) = good.iter().max_by_key(|evidence| &evidence.finished_at) else {
        return "never as it stands here".to_owned();
    };
    let version = last.instance_version.as_deref();
    let against = version.map_or_else(String::new, |version| format!(", against {version}"));
    let when = evidence_view::when(last);
    match issue.causes.len() {
        1 => format!("{when}{against}"),
        all => format!("{when}, {} of {all} causes{against}", good.len()),
    }
}

/// The families that the page names, as far as the book has a catalogue.
fn patterns<'a>(page: &Page, view: &View<'a>) -> Vec<Pattern<'a>> {
    let numbers = &page.front_matter.patterns;
    view.pages
        .iter()
        .flat_map(|own| families(own).into_iter().map(move |family| (own, family)))
        .filter(|(_, family)| numbers.contains(&family.number))
        .map(|(own, family)| {
            let to = relative(&page.html_path(), &own.html_path());
            Pattern {
                href: format!("{to}#pattern-{}", family.number),
                name: &family.heading.text,
            }
        })
        .collect()
}

/// A state in class and word.
pub(super) fn mark(state: &State<'_>) -> Mark {
    let (class, word) = match state {
        State::Verified(evidence) => {
            let day = evidence.finished_at.split('T').next().unwrap_or_default();
            ("rb-good", format!("resolved on {day}"))
        }
        State::Stale(_) => ("rb-stale", "changed since it was last resolved".to_owned()),
        State::Failed(evidence) => ("rb-bad", format!("last drill: {}", evidence.verdict.name())),
        State::Unknown => ("rb-stale", "not verified yet".to_owned()),
    };
    Mark { class, word }
}

/// Whole minutes where they are whole.
pub(super) fn minutes(ms: u64) -> String {
    if ms >= 60_000 && ms.is_multiple_of(60_000) {
        format!("{} min", ms / 60_000)
    } else {
        time(ms)
    }
}
