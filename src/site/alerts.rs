//! `<!-- runbook: alerts -->`: each alert with its page, its metrics, their panels, its tests, and its live drill.

use super::alert_seen::{Seen, seen};
use super::index::address;
use super::page_view::View;
use super::template::fill;
use super::text::encoded;
use crate::alerting::{AlertRow, Tested};
use crate::page::Page;
use serde::Serialize;
use std::collections::BTreeSet;

#[derive(Serialize)]
struct Alerts {
    n_pages: usize,
    n_metrics: usize,
    n_panels: usize,
    has_panels: bool,
    has_tests: bool,
    /// Where drills may be live: how many alerts were seen firing.
    n_seen: Option<usize>,
    rows: Vec<Row>,
    without: Vec<Without>,
}

#[derive(Serialize)]
struct Row {
    /// `None` where a row before has it: rules may share a name.
    id: Option<String>,
    alert: String,
    expression: String,
    severity: String,
    href: Option<String>,
    page: String,
    metrics: Vec<String>,
    panels: Vec<String>,
    tests: Option<Tests>,
    live: Option<Seen>,
    class: &'static str,
    state: String,
}

#[derive(Serialize)]
struct Tests {
    fires: usize,
    silent: usize,
    resolves: usize,
}

/// An issue without alert, and why.
#[derive(Serialize)]
struct Without {
    href: String,
    page: String,
    why: String,
}

/// The table for the page `own`, from the rule files, dashboards and tests as they are now.
pub(super) fn alerts(own: &Page, view: &View<'_>) -> String {
    let matrix = view.alerting().matrix();
    let has = |globs: &[String]| !globs.is_empty();
    let (has_panels, has_tests) = (has(&view.config.dashboards), has(&view.config.rule_tests));
    let metrics: BTreeSet<&String> = matrix.iter().flat_map(|row| &row.metrics).collect();
    let panels = view.alerting().dashboards.iter().map(|it| it.panels.len());
    let rows = with_ids(
        matrix
            .iter()
            .map(|it| row(own, view, it, (has_panels, has_tests))),
    );
    let has_live = !view.config.live.services.is_empty();
    let lives = rows.iter().filter_map(|row| row.live.as_ref());
    let n_seen = lives.filter(|live| live.whole).count();
    let issues = view.pages.iter().filter(|page| page.issue.is_some());
    let shown = Alerts {
        n_pages: view
            .pages
            .iter()
            .filter(|page| !page.front_matter.alerts.is_empty())
            .count(),
        n_metrics: metrics.len(),
        n_panels: panels.sum(),
        has_panels,
        has_tests,
        n_seen: has_live.then_some(n_seen),
        rows,
        without: issues
            .filter(|page| page.front_matter.alerts.is_empty())
            .map(|page| Without {
                href: address(own, &page.html_path(), None),
                page: page.title().to_owned(),
                why: match &page.front_matter.no_alert {
                    Some((why, _)) => why.clone(),
                    None => "nobody has said why".to_owned(),
                },
            })
            .collect(),
    };
    fill("alerts.html", &shown)
}

/// The address of an alert's row from the page `from`; `None` where no page lists it.
pub(super) fn address_of_row(from: &Page, alert: &str, view: &View<'_>) -> Option<String> {
    let mut pages = view.pages.iter();
    let page = pages.find(|page| page.document.has_directive("alerts"))?;
    let has_row = view.alerting().alerts().any(|rule| rule.name == alert);
    has_row.then(|| address(from, &page.html_path(), Some(&encoded(&row_id(alert)))))
}

/// An id may hold no blank, a name may.
fn row_id(alert: &str) -> String {
    format!("alert-{}", alert.replace(char::is_whitespace, "-"))
}

fn with_ids(rows: impl Iterator<Item = Row>) -> Vec<Row> {
    let mut taken = BTreeSet::new();
    rows.map(|row| {
        let id = row_id(&row.alert);
        Row {
            id: taken.insert(id.clone()).then_some(id),
            ..row
        }
    })
    .collect()
}

fn row(
    own: &Page,
    view: &View<'_>,
    it: &AlertRow<'_>,
    (has_panels, has_tests): (bool, bool),
) -> Row {
    let name = &it.rule.name;
    let landing = view.pages.iter().find_map(|page| {
        let alert = page
            .front_matter
            .alerts
            .iter()
            .find(|alert| alert.name == *name)?;
        Some((page, alert.anchor.as_deref()))
    });
    let mut missing = Vec::new();
    if landing.is_none() {
        missing.push("no page");
    }
    if has_panels && !it.not_shown.is_empty() {
        missing.push("no panel");
    }
    let Tested {
        fires,
        silent,
        resolves,
    } = it.tested;
    if has_tests && fires.min(silent).min(resolves) == 0 {
        missing.push("not tested");
    }
    let panels: BTreeSet<String> = it
        .panels
        .iter()
        .map(|(dashboard, panel)| format!("{}: {}", dashboard.title, panel.title))
        .collect();
    Row {
        id: None,
        alert: name.clone(),
        expression: it.rule.expr.text.trim().to_owned(),
        severity: it.rule.label("severity").unwrap_or("none").to_owned(),
        href: landing.map(|(page, anchor)| address(own, &page.html_path(), anchor)),
        page: landing.map_or("none".to_owned(), |(page, _)| page.title().to_owned()),
        metrics: it.metrics.clone(),
        panels: panels.into_iter().collect(),
        tests: has_tests.then_some(Tests {
            fires,
            silent,
            resolves,
        }),
        live: (!view.config.live.services.is_empty()).then(|| seen(name, own, view)),
        class: if missing.is_empty() {
            "rb-good"
        } else {
            "rb-bad"
        },
        state: if missing.is_empty() {
            "whole".to_owned()
        } else {
            missing.join(", ")
        },
    }
}
