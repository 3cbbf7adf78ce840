//! Whether an alert was seen firing in a live drill, or why it cannot be.

use super::drill_page;
use super::page_view::View;
use super::text::time;
use crate::evidence::State;
use crate::page::{Cause, Page};
use serde::Serialize;

/// One cell of the table of alerts.
#[derive(Serialize)]
pub(super) struct Seen {
    /// It has fired, and was resolved.
    pub(super) whole: bool,
    class: &'static str,
    state: &'static str,
    /// The transcript of the drill.
    href: Option<String>,
    fired: Option<String>,
    resolved: Option<String>,
    why: Option<String>,
}

/// What is on record of `alert`, and else what its page says of it.
pub(super) fn seen(alert: &str, own: &Page, view: &View<'_>) -> Seen {
    let causes = || {
        view.pages.iter().flat_map(|page| {
            let causes = page.issue.iter().flat_map(|issue| &issue.causes);
            causes.map(move |cause| (page, cause))
        })
    };
    let records = causes().filter_map(|(page, cause)| of_drill(alert, own, (page, cause), view));
    if let Some(best) = records.max_by_key(|seen| (seen.whole, seen.class == "rb-good")) {
        return best;
    }
    let is_planned =
        causes().any(|(_, cause)| cause.live.iter().any(|planned| planned.name == alert));
    let why = view.pages.iter().find_map(|page| {
        let said = page.front_matter.not_live.iter();
        said.filter(|said| said.alert == alert)
            .map(|said| said.why.clone())
            .next()
    });
    Seen {
        whole: false,
        class: "rb-stale",
        state: if is_planned {
            "not played yet"
        } else {
            "in unit tests only"
        },
        href: None,
        fired: None,
        resolved: None,
        why,
    }
}

/// `None` where another alert has fired in the drill, or none.
fn of_drill(
    alert: &str,
    own: &Page,
    (page, cause): (&Page, &Cause),
    view: &View<'_>,
) -> Option<Seen> {
    let state = view.state(page, cause);
    let live = state.evidence()?.live.as_ref()?;
    if live.alert != alert {
        return None;
    }
    let whole = state.is_good() && live.is_whole();
    let (class, words) = match state {
        State::Verified(_) => ("rb-good", "seen"),
        State::Stale(_) => ("rb-stale", "seen, stale"),
        State::Failed(_) | State::Unknown => ("rb-bad", "the drill failed"),
    };
    Some(Seen {
        whole,
        class,
        state: words,
        href: drill_page::address(own, page, cause, view),
        fired: Some(time(live.fired_ms)),
        resolved: live.resolved_ms.map(time),
        why: None,
    })
}
