//! Takes what waits at the desk, runs the page's scripts, and hands in what they said.

use super::desk::Desk;
use super::notification::{AlertOf, Notification};
use super::report::{Kind, Progress, Report, Run};
use crate::run::{Ended, HostProgram, Stop};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Runs scripts, one at a time.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) desk: Arc<Desk>,
    pub(super) timeout: Duration,
    pub(super) stop: Arc<Stop>,
}

impl Worker {
    /// Works until the desk is closed.
    pub(super) fn work(&self) {
        let pages = &self.desk.pages;
        while let Some(report) = self.desk.next() {
            let page = report.page.as_ref();
            let scripts = [
                (Kind::Diagnosis, Some(pages.diagnosis(page))),
                (Kind::Bundle, pages.bundle(page)),
            ];
            let mut progress = Progress::Done;
            for (kind, argv) in scripts {
                let Some(argv) = argv else { continue };
                if !self.run(&report, kind, argv) {
                    progress = Progress::Interrupted;
                    break;
                }
            }
            self.desk.finish(&report.id, progress);
        }
    }

    /// Runs one script; false if the responder ends.
    fn run(&self, report: &Report, kind: Kind, argv: &[String]) -> bool {
        let desk = &self.desk;
        let program = HostProgram {
            argv,
            env: &environment(report),
            input: &input(report),
            dir: &desk.folder(&report.id),
            timeout: self.timeout,
            mark: &report.id,
        };
        let run = program.run(&self.stop);
        let stopped = run.ended == Ended::Stopped;
        let result = match run.ended {
            Ended::Exited(0) => "exit_zero",
            Ended::Exited(_) => "exit_nonzero",
            Ended::Signalled(_) => "signalled",
            Ended::TimedOut => "timed_out",
            Ended::Stopped => "stopped",
            Ended::NotStarted(_) => "not_started",
        };
        desk.metrics.run(kind, result, run.time);
        let run = Run::new(kind, argv, run, desk.files(&report.id));
        let program = argv.first().map_or("", String::as_str);
        let seconds = Duration::from_millis(run.millis).as_secs_f64();
        desk.say(format!(
            "{}: {program}: {}, {seconds:.1} s",
            report.id, run.ended
        ));
        desk.add_run(&report.id, run);
        !stopped
    }
}

/// What a script learns of the alert. Every value is data: no shell of ours reads it.
fn environment(report: &Report) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    let mut set = |name: &str, value: &str| {
        // The kernel's strings end at a zero byte.
        env.insert(name.to_owned(), value.replace('\0', "\u{fffd}"));
    };
    set("NO_COLOR", "1");
    set("ALERT_GROUP_KEY", &report.group_key);
    set(
        "ALERT_COUNT",
        &(report.alerts.len() + report.n_omitted).to_string(),
    );
    let page = report.page.as_ref().map_or("", |page| &page.path);
    set("ALERT_PAGE", page);
    if let Some(alert) = report.first() {
        set("ALERT_NAME", alert.name());
        set("ALERT_SEVERITY", alert.severity());
        set("ALERT_STATUS", &alert.status);
        set("ALERT_STARTS_AT", &alert.starts_at);
        set("ALERT_FINGERPRINT", &alert.fingerprint);
        let url = alert.annotations.get("runbook_url");
        set("ALERT_RUNBOOK_URL", url.map_or("", String::as_str));
        for (name, value) in labels(alert) {
            set(&format!("ALERT_LABEL_{name}"), value);
        }
    }
    env
}

/// Labels whose names can be those of variables; Prometheus allows others since version 3.
fn labels(alert: &AlertOf) -> impl Iterator<Item = (&String, &String)> {
    let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    alert.labels.iter().filter(move |(name, _)| is_name(name))
}

/// All alerts of the group, in Alertmanager's own form.
fn input(report: &Report) -> Vec<u8> {
    let notification = Notification {
        version: "4".to_owned(),
        group_key: report.group_key.clone(),
        status: "firing".to_owned(),
        receiver: report.receiver.clone(),
        alerts: report.alerts.clone(),
    };
    let mut json = serde_json::to_vec(&notification).unwrap_or_default();
    json.push(b'\n');
    json
}
