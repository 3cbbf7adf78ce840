//! The head of an issue page: what it is about, how sure it is, where to go.

use super::page_view::{State, View};
use super::text::{escape, time};
use crate::page::{IssuePage, Page};

/// One line of HTML.
pub(super) fn card(page: &Page, issue: &IssuePage, view: &View<'_>) -> String {
    let front_matter = &page.front_matter;
    let mut facts = vec![format!("<b>Issue {}</b>", issue.number)];
    if let Some(severity) = &front_matter.severity {
        let class = severity
            .to_lowercase()
            .replace(|c: char| !c.is_alphanumeric(), "");
        facts.push(format!(
            "<span class=\"rb-severity rb-{class}\">{}</span>",
            escape(severity)
        ));
    }
    if let Some((category, _)) = &front_matter.category {
        facts.push(escape(category));
    }
    let target = u64::try_from(issue.resolve_within.as_millis()).unwrap_or(u64::MAX);
    facts.push(format!("resolve within {}", minutes(target)));
    facts.extend(
        front_matter
            .alerts
            .iter()
            .map(|alert| format!("alert <code>{}</code>", escape(&alert.name))),
    );
    let jumps: String = issue
        .causes
        .iter()
        .map(|cause| {
            let (class, word) = mark(&view.state(page, cause));
            let name = escape(&cause.name);
            let link = match &cause.id {
                Some(id) => format!("<a href=\"#{}\">{name}</a>", escape(id)),
                None => name,
            };
            format!("<li>{link} <span class=\"rb-state {class}\">{word}</span></li>")
        })
        .collect();
    let fix = match &issue.resolution_id {
        Some(id) => format!("<a href=\"#{}\">Fix</a>", escape(id)),
        None => "Fix".to_owned(),
    };
    format!(
        "<div class=\"rb-card\"><p>{}</p><p>{fix}, by cause:</p><ul>{jumps}</ul></div>",
        facts.join(" · ")
    )
}

/// CSS class and word of a state.
pub(super) fn mark(state: &State<'_>) -> (&'static str, String) {
    match state {
        State::Verified(evidence) => (
            "rb-good",
            format!("resolved on {}", escape(day(&evidence.finished_at))),
        ),
        State::Stale(_) => ("rb-stale", "changed since it was last resolved".to_owned()),
        State::Failed(evidence) => ("rb-bad", format!("last drill: {}", evidence.verdict.name())),
        State::Unknown => ("rb-stale", "not verified yet".to_owned()),
    }
}

/// The date of an RFC 3339 time.
fn day(timestamp: &str) -> &str {
    timestamp.split('T').next().unwrap_or_default()
}

/// Whole minutes where they are whole.
pub(super) fn minutes(ms: u64) -> String {
    if ms >= 60_000 && ms.is_multiple_of(60_000) {
        format!("{} min", ms / 60_000)
    } else {
        time(ms)
    }
}
