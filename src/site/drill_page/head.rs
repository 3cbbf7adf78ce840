//! The head of a transcript: what was played, how it ended, and how far that still holds.

use super::page::{issue_and_cause, name};
use crate::evidence::{Evidence, Freshness, LiveRecord, Remark, Verdict};
use crate::page::{Cause, Page};
use crate::site::evidence_view::when;
use crate::site::page_view::View;
use crate::site::text::{relative, time};
use serde::Serialize;
use std::path::Path;

#[derive(Serialize)]
pub(super) struct Head<'a> {
    pub(super) title: String,
    heading: String,
    cause: Option<&'a str>,
    page: &'a str,
    href: String,
    cause_href: String,
    verdict: String,
    class: &'static str,
    is_fresh: bool,
    meaning: &'static str,
    missing: Option<&'a str>,
    live: Option<&'a LiveRecord>,
    speed: Option<String>,
    remarks: &'a [Remark],
    freshness: &'static str,
    when: String,
    tool: &'a str,
    version: Option<&'a str>,
    isolation: &'a str,
    inputs: &'a str,
}

impl<'a> Head<'a> {
    pub(super) fn of(evidence: &'a Evidence, page: &'a Page, path: &Path, view: &View<'a>) -> Self {
        let cause = issue_and_cause(page, &evidence.subject).map(|(_, cause)| cause);
        let fresh = evidence.freshness(page, view.inputs);
        let kind = if cause.is_some() { "Drill" } else { "Doc test" };
        let href = relative(path, &page.html_path());
        let missing = match &evidence.verdict {
            Verdict::NotApplicable { missing } => Some(missing.as_str()),
            _ => None,
        };
        Self {
            title: format!("{kind}: {}", name(&evidence.subject, view)),
            heading: format!(
                "{kind}: {}",
                cause.map_or(page.title(), |cause| &cause.name)
            ),
            cause: cause.map(|cause| cause.name.as_str()),
            page: page.title(),
            cause_href: anchored(&href, cause),
            href,
            verdict: evidence.verdict.name().replace('-', " "),
            class: class(evidence, fresh.is_fresh()),
            is_fresh: fresh.is_fresh(),
            meaning: meaning(evidence.verdict.name()),
            missing,
            live: evidence.live.as_ref().filter(|live| !live.alert.is_empty()),
            speed: evidence.verdict.recovery().map(time),
            remarks: &evidence.remarks,
            freshness: freshness(fresh),
            when: when(evidence),
            tool: &evidence.tool_version,
            version: evidence.instance_version.as_deref(),
            isolation: &evidence.isolation,
            inputs: inputs_in_short(evidence),
        }
    }

    /// Whether it is one of a drill, and none of a doc test.
    pub(super) fn is_drill(&self) -> bool {
        self.cause.is_some()
    }
}

/// As much of the hash as tells one version of the inputs from another.
pub(in super::super) fn inputs_in_short(evidence: &Evidence) -> &str {
    evidence.inputs.get(..16).unwrap_or(&evidence.inputs)
}

fn freshness(freshness: Freshness) -> &'static str {
    match freshness {
        Freshness::Same => "fresh: page, programs and configuration are as they were",
        Freshness::Changed => "stale: the page, a program or the configuration has changed since",
        Freshness::SameBlocks => {
            "the blocks of the page are as they were; programs and configuration were not compared: this build has run nothing"
        }
        Freshness::OtherBlocks => "stale: blocks of the page have changed since",
    }
}

fn anchored(href: &str, cause: Option<&Cause>) -> String {
    match cause.and_then(|cause| cause.id.as_deref()) {
        Some(id) => format!("{href}#{id}"),
        None => href.to_owned(),
    }
}

/// The same colour as on the page of the cause.
fn class(evidence: &Evidence, is_fresh: bool) -> &'static str {
    match &evidence.verdict {
        verdict if verdict.is_good() && is_fresh => "rb-good",
        verdict if verdict.is_good() => "rb-stale",
        Verdict::NotApplicable { .. } | Verdict::Interrupted => "rb-stale",
        _ => "rb-bad",
    }
}

/// The verdict as a sentence, for whoever has not read the guide.
fn meaning(verdict: &str) -> &'static str {
    match verdict {
        "recovered" => {
            "The fault was induced and seen, the resolution ran, and Verification passes again."
        }
        "passed" => "Every block did what it must.",
        "not-ready" => "The instance never got ready, so nothing could be tried.",
        "baseline-red" => "Verification fails although nothing is wrong yet.",
        "fault-ineffective" => "The drill could not bring the fault about.",
        "verify-vacuous" => {
            "Verification passes under the fault: it cannot fail, so it proves nothing."
        }
        "astray" => "A decision tree does not lead to this page while its fault is there.",
        "astray-untrue" => {
            "A decision tree leads to this page, although the page says that it does not."
        }
        "tree-accuses-healthy" => "The decision tree finds a cause although nothing is wrong.",
        "step-failed" => "A block did not do what it must.",
        "not-recovered" => "The resolution ran, and Verification did not pass within the target.",
        "data-lost" => "It recovered, but something that must not be lost is gone or changed.",
        "self-healed" => "It recovered without the resolution.",
        "leaked" => "Processes were left running after the instance had stopped.",
        "not-applicable" => "Not run: the instance lacks something that the page relies on.",
        "interrupted" => "The run was broken off.",
        "alert-at-rest" => "An alert of the page fires although nothing is wrong.",
        "alert-silent" => "No alert of the page fired under the fault.",
        "link-dead" => "The link of the alert does not open the page.",
        "alert-unresolved" => "The alert stays although Verification passes.",
        _ => "",
    }
}
