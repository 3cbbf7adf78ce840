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
    let mut findings = Vec::from_iter(lacking(page, config));
    findings.extend(unknown_services(page, config));
    let services = front_matter.services.iter().map(|(name, _)| name.clone());
    let services: Vec<String> = services.collect();
    if !services.is_empty() && front_matter.live.is_empty() {
        for cause in causes.iter_mut() {
            cause.live = alerts_of(cause, &front_matter.alerts);
        }
    }
    for entry in &front_matter.live {
        findings.extend(choose(entry, causes, &front_matter.alerts));
    }
    if let Some(raised) = config.instance.as_ref().and_then(|i| i.alerts.as_ref()) {
        for cause in causes {
            cause.live.retain(|alert| raised.contains(&alert.name));
        }
    }
    (services, findings)
}

/// What a live drill needs beside services.
fn lacking(page: &Page, config: &Config) -> Option<Finding> {
    let front_matter = &page.front_matter;
    let Some((_, place)) = front_matter.services.first() else {
        let (_, place) = front_matter.live.first()?;
        return Some(wrong(
            place,
            "`live` without `services`",
            "name the programs that raise the alert, such as `services: [prometheus, alertmanager]`",
        ));
    };
    if front_matter.alerts.is_empty() {
        return Some(wrong(
            place,
            "`services` without an alert",
            "name the alert that must fire in `alerts`",
        ));
    }
    config.base_url.is_none().then(|| {
        wrong(
            place,
            "`services` in a book without `base-url`",
            "set `base-url` in book.toml: the links of alerts begin with it",
        )
    })
}

fn unknown_services(page: &Page, config: &Config) -> Vec<Finding> {
    let known: Vec<&str> = config.live.services.keys().map(String::as_str).collect();
    let services = page.front_matter.services.iter();
    services
        .filter(|(name, _)| !known.contains(&name.as_str()))
        .map(|(name, place)| {
            let help = if known.is_empty() {
                format!("add a table `[preprocessor.runbook.live.services.{name}]`")
            } else {
                did_you_mean(name, &known)
            };
            wrong(place, format!("unknown service `{name}`"), help)
        })
        .collect()
}

/// `cause` or `cause: Alert`.
fn choose(
    (entry, place): &(String, Place),
    causes: &mut [Cause],
    alerts: &[AlertRef],
) -> Option<Finding> {
    let (id, alert) = match entry.split_once(':') {
        Some((id, alert)) => (id.trim(), Some(alert.trim())),
        None => (entry.trim(), None),
    };
    let ids: Vec<String> = causes.iter().filter_map(|cause| cause.id.clone()).collect();
    let is_named = |cause: &&mut Cause| cause.id.as_deref() == Some(id);
    let Some(cause) = causes.iter_mut().find(is_named) else {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let title = format!("`live` names `{id}`, which is no cause of this page");
        return Some(wrong(place, title, did_you_mean(id, &ids)));
    };
    let Some(name) = alert else {
        cause.live = alerts_of(cause, alerts);
        return None;
    };
    let own = alerts.iter().filter(|alert| alert.name == name);
    cause.live = own.cloned().collect();
    cause.live.is_empty().then(|| {
        let known: Vec<&str> = alerts.iter().map(|alert| alert.name.as_str()).collect();
        let title = format!("`{name}` is no alert of this page");
        wrong(place, title, did_you_mean(name, &known))
    })
}

/// The alerts whose link leads to the cause, or else all of the page's.
fn alerts_of(cause: &Cause, alerts: &[AlertRef]) -> Vec<AlertRef> {
    let own = |alert: &&AlertRef| alert.anchor.is_some() && alert.anchor == cause.id;
    let own: Vec<AlertRef> = alerts.iter().filter(own).cloned().collect();
    if own.is_empty() { alerts.to_vec() } else { own }
}

fn wrong(place: &Place, title: impl Into<String>, help: impl Into<String>) -> Finding {
    Finding::error("front-matter", place.clone(), title).help(help)
}
