//! Reports as pages. Every value is escaped, and nothing on them is a script.

use super::report::{Kind, Progress, Report};
use crate::gameday::{At, in_words};
use serde::Serialize;
use std::sync::LazyLock;
use tera::{Context, Tera};

static TEMPLATES: LazyLock<Tera> = LazyLock::new(|| {
    let mut tera = Tera::default();
    tera.add_raw_templates([
        ("head.html", include_str!("templates/head.html")),
        ("reports.html", include_str!("templates/reports.html")),
        ("report.html", include_str!("templates/report.html")),
    ])
    .expect("the templates are constants of ours");
    tera
});

#[derive(Serialize)]
struct Row {
    id: String,
    names: String,
    received: String,
    page: String,
    progress: &'static str,
    ended: String,
    resolved: String,
}

#[derive(Serialize)]
struct AlertView {
    name: String,
    status: String,
    starts_at: String,
    labels: Vec<(String, String)>,
    annotations: Vec<(String, String)>,
    runbook: Option<String>,
}

#[derive(Serialize)]
struct RunView {
    heading: &'static str,
    command: String,
    ended: String,
    time: String,
    n_left: usize,
    output: String,
    files: Vec<String>,
}

#[derive(Serialize)]
struct ReportView {
    row: Row,
    severity: String,
    started: String,
    group_key: String,
    n_repeated: u64,
    n_omitted: usize,
    alerts: Vec<AlertView>,
    runs: Vec<RunView>,
    is_over: bool,
}

fn fill(name: &str, context: &Context) -> String {
    TEMPLATES
        .render(name, context)
        .expect("the templates name only what the values have")
}

/// The list of all reports.
pub(super) fn list(reports: &[Report]) -> String {
    let rows: Vec<Row> = reports.iter().map(row).collect();
    let mut context = Context::new();
    context.insert("rows", &rows);
    fill("reports.html", &context)
}

/// One report.
pub(super) fn page(report: &Report) -> String {
    let page = report.page.as_ref();
    let view = ReportView {
        row: row(report),
        severity: page
            .and_then(|page| page.severity.clone())
            .unwrap_or_default(),
        started: report.started.map_or_else(String::new, At::in_words),
        group_key: report.group_key.clone(),
        n_repeated: report.n_repeated,
        n_omitted: report.n_omitted,
        alerts: alerts(report),
        runs: runs(report),
        is_over: report.is_over(),
    };
    let mut context = Context::new();
    context.insert("report", &view);
    fill("report.html", &context)
}

fn row(report: &Report) -> Row {
    let ended = report.runs.iter().map(|run| run.ended.as_str());
    Row {
        id: report.id.clone(),
        names: report.names(),
        received: report.received.in_words(),
        page: report
            .page
            .as_ref()
            .map_or_else(String::new, |page| page.title.clone()),
        progress: match report.progress {
            Progress::Queued => "queued",
            Progress::Running => "running",
            Progress::Done => "done",
            Progress::Interrupted => "interrupted",
        },
        ended: ended.collect::<Vec<_>>().join(" · "),
        resolved: report.resolved.map_or_else(String::new, At::in_words),
    }
}

fn alerts(report: &Report) -> Vec<AlertView> {
    let pairs = |map: &std::collections::BTreeMap<String, String>| {
        map.iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    let alerts = report.alerts.iter();
    alerts
        .map(|alert| AlertView {
            name: alert.name().to_owned(),
            status: alert.status.clone(),
            starts_at: alert.starts_at.clone(),
            labels: pairs(&alert.labels),
            annotations: pairs(&alert.annotations),
            runbook: alert
                .annotations
                .get("runbook_url")
                .and_then(|url| web(url)),
        })
        .collect()
}

/// An address that may be a link: `javascript:` may not.
fn web(url: &str) -> Option<String> {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    is_web.then(|| url.to_owned())
}

fn runs(report: &Report) -> Vec<RunView> {
    let runs = report.runs.iter();
    runs.map(|run| RunView {
        heading: match run.kind {
            Kind::Diagnosis => "Diagnosis",
            Kind::Bundle => "Debug bundle",
        },
        command: run.argv.join(" "),
        ended: run.ended.clone(),
        time: in_words(run.millis),
        n_left: run.n_left,
        output: run.output.clone(),
        files: run.files.clone(),
    })
    .collect()
}
