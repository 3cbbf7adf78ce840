//! `page-without-alert`, `alert-without-panel`, `alert-untested`: what belongs together and is not there.

use crate::alerting::Alerting;
use crate::config::Config;
use crate::finding::Finding;
use crate::page::Page;
use crate::source::Place;
use std::sync::Arc;

/// Pages without alert, alerts whose metrics nobody can look at, and alerts that no test has seen fire.
pub fn drift(alerting: &Alerting, pages: &[Arc<Page>], config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    if config.has_rules() {
        findings.extend(pages.iter().filter_map(|page| without_alert(page)));
    }
    for row in alerting.matrix() {
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
