//! What control experiments have shown of a cause: that the fault stays without its own resolution.

use super::drill_page::inputs_in_short;
use super::evidence_view::when;
use super::page_view::{State, View};
use super::text::time;
use crate::evidence::{Evidence, Stage, Subject, Verdict};
use crate::page::{Cause, IssuePage, Page};
use serde::Serialize;

/// One experiment.
#[derive(Serialize)]
pub(super) struct Experiment<'a> {
    /// The cause whose resolution was done instead; `None` where nothing was done.
    other: Option<&'a str>,
    /// CSS class.
    class: &'static str,
    /// How it ended, and whether that still holds.
    state: String,
    record: Option<Record<'a>>,
    /// It came out as it must, with the book as it is now.
    #[serde(skip)]
    pub(super) holds: bool,
    /// Why the other resolution removes the fault too, as the page says.
    why: Option<&'a str>,
}

impl Experiment<'_> {
    /// Whether it was made at all.
    pub(super) fn is_on_record(&self) -> bool {
        self.record.is_some()
    }
}

/// When it was made, and with what.
#[derive(Serialize)]
struct Record<'a> {
    when: String,
    day: &'a str,
    /// How long *Verification* was tried.
    tried: Option<String>,
    version: Option<&'a str>,
    inputs: &'a str,
    has_changed: bool,
}

/// All experiments on a cause: nothing is done, then the resolution of each other cause of its page.
pub(super) fn experiments<'a>(
    page: &'a Page,
    issue: &'a IssuePage,
    cause: &'a Cause,
    view: &View<'a>,
) -> Vec<Experiment<'a>> {
    let subject = || Subject::drill(page, cause);
    let alone = experiment(page, &subject().left_alone(), view);
    let others = issue
        .causes
        .iter()
        .filter(|other| other.name != cause.name)
        .map(|other| Experiment {
            other: Some(&other.name),
            why: why(other, cause),
            ..experiment(page, &subject().resolved_as(&other.name), view)
        });
    std::iter::once(alone).chain(others).collect()
}

/// What `other` says of removing `cause` too.
fn why<'a>(other: &'a Cause, cause: &Cause) -> Option<&'a str> {
    let mut also = other.also.iter();
    let (_, why) = also.find(|(name, _)| *name == cause.name)?;
    Some(why)
}

fn experiment<'a>(page: &Page, subject: &Subject, view: &View<'a>) -> Experiment<'a> {
    let state = view.store.state(page, subject, view.inputs);
    let (class, word) = match &state {
        State::Verified(evidence) => ("rb-good", word(evidence)),
        State::Stale(evidence) => ("rb-stale", format!("{}, changed since", word(evidence))),
        State::Failed(evidence) => match evidence.verdict {
            Verdict::NotApplicable { .. } => ("rb-stale", word(evidence)),
            _ => ("rb-bad", word(evidence)),
        },
        State::Unknown => ("rb-stale", "not shown".to_owned()),
    };
    Experiment {
        other: None,
        class,
        state: word,
        holds: matches!(state, State::Verified(_)),
        record: state.evidence().map(|evidence| Record {
            when: when(evidence),
            day: evidence.finished_at.split('T').next().unwrap_or_default(),
            tried: evidence.took(Stage::Verify).map(time),
            version: evidence.instance_version.as_deref(),
            inputs: inputs_in_short(evidence),
            has_changed: !evidence.freshness(page, view.inputs).is_fresh(),
        }),
        why: None,
    }
}

fn word(evidence: &Evidence) -> String {
    match evidence.verdict {
        Verdict::CuredAsSaid => "helps too, as said".to_owned(),
        _ => evidence.verdict.name().replace('-', " "),
    }
}
