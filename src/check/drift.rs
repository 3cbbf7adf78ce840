//! `page-without-alert`, `alert-without-panel`, `alert-untested`, `alert-not-live`: what belongs together and is not there.

use crate::alerting::Alerting;
use crate::config::Config;
use crate::finding::Finding;
use crate::page::{Cause, Page};
use crate::source::Place;
use std::sync::Arc;

/// Pages without alert, alerts whose metrics nobody can look at, and alerts that no test has seen fire.
pub fn drift(alerting: &Alerting, pages: &[Arc<Page>], config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    if config.has_rules() {
        findings.extend(pages.iter().filter_map(|page| without_alert(page)));
    }
    findings.extend(reasons(pages));
    for row in alerting.matrix() {
        if !config.live.services.is_empty() {
            findings.extend(never_live(&row.rule.name, &row.rule.expr.place, pages));
        }
        let (name, place) = (&row.rule.name, &row.rule.expr.place);
        if !config.dashboards.is_empty() && !row.not_shown.is_empty() {
            let title = format!("no panel shows what `{name}` watches");
            findings.push(
                Finding::error("alert-without-panel", place.clone(), title)
                    .note(format!("not shown: `{}`", row.not_shown.join("`, `")))
                    .help("add a panel with it to a dashboard: whoever is called wants to see its course"),
            );
        }
        let tested = row.tested;
        let missing: Vec<&str> = [
            (tested.fires, "that it fires"),
            (tested.silent, "that it is silent where it should be"),
            (tested.resolves, "that it resolves"),
        ]
        .into_iter()
        .filter_map(|(count, what)| (count == 0).then_some(what))
        .collect();
        if !config.rule_tests.is_empty() && !missing.is_empty() {
            let title = format!("no unit test of `{name}` shows {}", missing.join(", or "));
            findings.push(
                Finding::error("alert-untested", place.clone(), title)
                    .help("add it to a file of `rule-tests`, which `promtool test rules` runs"),
            );
        }
    }
    findings
}

/// An alert that no live drill raises, and of which nobody says why.
fn never_live(name: &str, place: &Place, pages: &[Arc<Page>]) -> Option<Finding> {
    let is_drilled = causes(pages).any(|cause| cause.live.iter().any(|alert| alert.name == name));
    let mut reasons = pages.iter().flat_map(|page| &page.front_matter.not_live);
    if is_drilled || reasons.any(|reason| reason.alert == name) {
        return None;
    }
    let title = format!("no live drill raises `{name}`");
    Some(
        Finding::error("alert-not-live", place.clone(), title)
            .warning()
            .note("nobody has seen it fire but in unit tests")
            .help(format!(
                "name it in `live` of its page, as `cause: {name}`, or say why not: `not-live: {{ {name}: \"reason\" }}`"
            )),
    )
}

/// Reasons in `not-live` that are none, or of nothing.
fn reasons(pages: &[Arc<Page>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for page in pages {
        let front_matter = &page.front_matter;
        for reason in &front_matter.not_live {
            let name = &reason.alert;
            let only_it = |cause: &Cause| cause.live.len() == 1 && cause.live[0].name == *name;
            let (title, help) = if !front_matter.alerts.iter().any(|own| own.name == *name) {
                (
                    format!("`not-live` names `{name}`, which is no alert of this page"),
                    "say it on the page that has the alert in `alerts`",
                )
            } else if reason.why.trim().is_empty() {
                (
                    format!("no reason why no live drill raises `{name}`"),
                    "write it for whoever relies on the alert",
                )
            } else if causes(pages).any(only_it) {
                (
                    format!("a live drill raises `{name}`, and there is a reason why none does"),
                    "take it out of `not-live`",
                )
            } else {
                continue;
            };
            findings.push(Finding::error("alert-not-live", reason.place.clone(), title).help(help));
        }
    }
    findings
}

fn causes(pages: &[Arc<Page>]) -> impl Iterator<Item = &Cause> {
    let issues = pages.iter().filter_map(|page| page.issue.as_ref());
    issues.flat_map(|issue| &issue.causes)
}

fn without_alert(page: &Page) -> Option<Finding> {
    page.issue.as_ref()?;
    let (number, place) = page.front_matter.issue.clone()?;
    let error = |place: Place, title| Finding::error("page-without-alert", place, title);
    match (
        &page.front_matter.no_alert,
        page.front_matter.alerts.is_empty(),
    ) {
        (None, false) => None,
        (None, true) => Some(
            error(place, format!("no alert leads to issue {number}")).help(
                "name its alerts in `alerts`, or say why there is none: `no-alert: \"reason\"`",
            ),
        ),
        (Some((reason, _)), true) if !reason.trim().is_empty() => None,
        (Some((_, place)), true) => Some(
            error(
                place.clone(),
                format!("issue {number} gives no reason why it has no alert"),
            )
            .help("write the reason: `no-alert: \"only people can see it\"`"),
        ),
        (Some((_, place)), false) => Some(
            error(
                place.clone(),
                format!("issue {number} has alerts, and a reason why it has none"),
            )
            .help("take `no-alert` away"),
        ),
    }
}
