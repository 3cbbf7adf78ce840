//! Which causes of an issue page are drilled live, and which alert must fire.

use super::{AlertRef, Cause, Page};
use crate::config::Config;
use crate::finding::{Finding, did_you_mean};
use crate::source::Place;

/// Gives each cause that is to be drilled live its alerts; the services that run meanwhile.
pub(super) fn assign(
    page: &Page,
    causes: &mut [Cause],
    config: &Config,
) -> (Vec<String>, Vec<Finding>) {
    let front_matter = &page.front_matter;
    let mut findings = Vec::new();
    let known: Vec<&str> = config.live.services.keys().map(String::as_str).collect();
    for (name, place) in &front_matter.services {
        if !known.contains(&name.as_str()) {
            findings.push(wrong(
                place,
                format!("unknown service `{name}`"),
                || match known.as_slice() {
                    [] => format!("add a table `[preprocessor.runbook.live.services.{name}]`"),
                    known => did_you_mean(name, known),
                },
            ));
        }
    }
    let services = front_matter.services.iter().map(|(name, _)| name.clone());
    let services: Vec<String> = services.collect();
    let Some((_, first)) = front_matter.services.first() else {
        if let Some((_, place)) = front_matter.live.first() {
            findings.push(wrong(place, "`live` without `services`", || {
                "name the programs that raise the alert: `services: [prometheus, alertmanager]`"
                    .to_owned()
            }));
        }
        return (services, findings);
    };
    if front_matter.alerts.is_empty() {
        findings.push(wrong(first, "`services` without an alert", || {
            "name the alert that must fire in `alerts`".to_owned()
        }));
    }
    if config.base_url.is_none() {
        findings.push(wrong(
            first,
            "`services` in a book without `base-url`",
            || "set `base-url`: the links of alerts begin with it".to_owned(),
        ));
    }
    if front_matter.live.is_empty() {
        for cause in causes.iter_mut() {
            cause.live = alerts_of(cause, &front_matter.alerts);
        }
    }
    let ids: Vec<String> = causes.iter().filter_map(|cause| cause.id.clone()).collect();
    for (entry, place) in &front_matter.live {
        let (id, alert) = match entry.split_once(':') {
            Some((id, alert)) => (id.trim(), Some(alert.trim())),
            None => (entry.as_str(), None),
        };
        let Some(cause) = causes
            .iter_mut()
            .find(|cause| cause.id.as_deref() == Some(id))
        else {
            findings.push(wrong(
                place,
                format!("`live` names `{id}`, which is no cause"),
                || did_you_mean(id, &ids.iter().map(String::as_str).collect::<Vec<_>>()),
            ));
            continue;
        };
        cause.live = match alert {
            None => alerts_of(cause, &front_matter.alerts),
            Some(name) => {
                let named = front_matter
                    .alerts
                    .iter()
                    .filter(|alert| alert.name == name);
                named.cloned().collect()
            }
        };
        if let (Some(name), true) = (alert, cause.live.is_empty()) {
            let names: Vec<&str> = front_matter
                .alerts
                .iter()
                .map(|a| a.name.as_str())
                .collect();
            findings.push(wrong(
                place,
                format!("`{name}` is no alert of this page"),
                || did_you_mean(name, &names),
            ));
        }
    }
    (services, findings)
}

/// The alerts whose link leads to the cause, or else all of the page's.
fn alerts_of(cause: &Cause, alerts: &[AlertRef]) -> Vec<AlertRef> {
    let own = |alert: &&AlertRef| alert.anchor.is_some() && alert.anchor == cause.id;
    let own: Vec<AlertRef> = alerts.iter().filter(own).cloned().collect();
    if own.is_empty() { alerts.to_vec() } else { own }
}

fn wrong(place: &Place, title: impl Into<String>, help: impl Fn() -> String) -> Finding {
    Finding::error("front-matter", place.clone(), title).help(help())
}
