//! What is kept of a group of alerts: who called, what was run, what it said.

use super::notification::{AlertOf, Notification};
use super::pages::PageOf;
use crate::gameday::At;
use crate::run::{Ended, HostRun};
use serde::{Deserialize, Serialize};

/// Bytes of labels and annotations that a report keeps; Alertmanager may send a thousand alerts.
const ALERT_BYTES: usize = 64 * 1024;

/// Characters kept of one value.
const VALUE_CHARS: usize = 1024;

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Progress {
    /// Nothing was run yet.
    Queued,
    /// A script runs.
    Running,
    /// All that was to be run has ended.
    Done,
    /// The responder was stopped meanwhile.
    Interrupted,
}

/// What a script is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Finds out what is wrong.
    Diagnosis,
    /// Collects what support needs.
    Bundle,
}

/// One script that was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// What for.
    pub kind: Kind,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// In words: `exit status 1`, `killed after 120 s`.
    pub ended: String,
    /// The exit status, where there is one.
    pub exit_status: Option<i32>,
    /// How long it took.
    pub millis: u64,
    /// Processes that it had left behind, and that were killed.
    pub n_left: usize,
    /// What it printed.
    pub output: String,
    /// Files that it made in the report's folder, with their full paths.
    pub files: Vec<String>,
}

impl Run {
    /// Of a script that has ended.
    pub(super) fn new(kind: Kind, argv: &[String], run: HostRun, files: Vec<String>) -> Self {
        let exit_status = match run.ended {
            Ended::Exited(status) => Some(status),
            _ => None,
        };
        Self {
            kind,
            argv: argv.to_vec(),
            ended: in_words(&run.ended, run.time.as_secs()),
            exit_status,
            millis: u64::try_from(run.time.as_millis()).unwrap_or(u64::MAX),
            n_left: run.n_left,
            output: run.output,
            files,
        }
    }
}

fn in_words(ended: &Ended, seconds: u64) -> String {
    match ended {
        Ended::Exited(status) => format!("exit status {status}"),
        Ended::Signalled(signal) => format!("killed by signal {signal}"),
        Ended::TimedOut => format!("killed after {seconds} s: it did not end in time"),
        Ended::Stopped => "killed because the responder was stopped".to_owned(),
        Ended::NotStarted(why) => format!("not started: {why}"),
    }
}

/// The report on a group of alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Its name in addresses and of its folder: the time, and a hash of group and alerts.
    pub id: String,
    /// How far it is.
    pub progress: Progress,
    /// Of Alertmanager's group.
    pub group_key: String,
    /// Alertmanager's receiver.
    pub receiver: String,
    /// When the notification came.
    pub received: At,
    /// When the first script was started.
    pub started: Option<At>,
    /// When the last one ended.
    pub ended: Option<At>,
    /// When Alertmanager said that the group is resolved.
    pub resolved: Option<At>,
    /// Further notifications that said nothing new.
    pub n_repeated: u64,
    /// The page that answers the first alert of a configured severity.
    pub page: Option<PageOf>,
    /// The alerts as they were sent; long values are cut.
    pub alerts: Vec<AlertOf>,
    /// Alerts that were left out for want of room.
    pub n_omitted: usize,
    /// What was run.
    pub runs: Vec<Run>,
}

impl Report {
    /// Of a notification that has just come. `first` is the alert that the script is run for.
    pub(super) fn new(
        notification: &Notification,
        first: &AlertOf,
        hash: &str,
        page: Option<PageOf>,
    ) -> Self {
        let received = At::now();
        let time: String = received
            .to_string()
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        // `20261125T031204120Z`, whole seconds are enough.
        let time = time.get(..15).unwrap_or(&time);
        let (alerts, n_omitted) = kept(notification, first);
        Self {
            id: format!("{time}Z-{hash}"),
            progress: Progress::Queued,
            group_key: cut(&notification.group_key),
            receiver: cut(&notification.receiver),
            received,
            started: None,
            ended: None,
            resolved: None,
            n_repeated: 0,
            page,
            alerts,
            n_omitted,
            runs: Vec::new(),
        }
    }

    /// The alert that the script is run for.
    pub fn first(&self) -> Option<&AlertOf> {
        self.alerts.first()
    }

    /// Whether nothing will be added by a worker.
    pub fn is_over(&self) -> bool {
        matches!(self.progress, Progress::Done | Progress::Interrupted)
    }

    /// The names of its alerts, each once, for lists.
    pub fn names(&self) -> String {
        let mut names: Vec<&str> = self.alerts.iter().map(AlertOf::name).collect();
        names.sort_unstable();
        names.dedup();
        names.join(", ")
    }
}

/// The first alert, and of the others as many as there is room for.
fn kept(notification: &Notification, first: &AlertOf) -> (Vec<AlertOf>, usize) {
    let others = notification.alerts.iter().filter(|alert| *alert != first);
    let (mut alerts, mut size) = (Vec::new(), 0);
    for alert in [first].into_iter().chain(others) {
        let alert = shortened(alert);
        size += alert
            .labels
            .iter()
            .chain(&alert.annotations)
            .map(|(name, value)| name.len() + value.len() + 8)
            .sum::<usize>();
        if size > ALERT_BYTES && !alerts.is_empty() {
            break;
        }
        alerts.push(alert);
    }
    let n_omitted = notification.alerts.len().saturating_sub(alerts.len());
    (alerts, n_omitted)
}

fn shortened(alert: &AlertOf) -> AlertOf {
    let map = |map: &std::collections::BTreeMap<String, String>| {
        let some = map.iter().take(64);
        some.map(|(name, value)| (cut(name), cut(value))).collect()
    };
    AlertOf {
        status: alert.status.clone(),
        labels: map(&alert.labels),
        annotations: map(&alert.annotations),
        starts_at: cut(&alert.starts_at),
        ends_at: cut(&alert.ends_at),
        fingerprint: cut(&alert.fingerprint),
    }
}

pub(super) fn cut(text: &str) -> String {
    if text.len() <= VALUE_CHARS {
        return text.to_owned();
    }
    text.chars().take(VALUE_CHARS).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_alerts_with_long_labels_stay_small() {
        let long = "x".repeat(5000);
        let alert = |n: usize| AlertOf {
            status: "firing".into(),
            labels: [
                ("alertname".into(), format!("A{n}")),
                ("l".into(), long.clone()),
            ]
            .into(),
            annotations: std::collections::BTreeMap::new(),
            starts_at: String::new(),
            ends_at: String::new(),
            fingerprint: n.to_string(),
        };
        let notification = Notification {
            version: "4".into(),
            group_key: "g".into(),
            status: "firing".into(),
            receiver: String::new(),
            alerts: (0..1000).map(alert).collect(),
        };
        let report = Report::new(&notification, &notification.alerts[7], "h", None);
        assert_eq!(report.first().unwrap().name(), "A7");
        assert_eq!(report.alerts.len() + report.n_omitted, 1000);
        assert!(serde_json::to_vec(&report).unwrap().len() < 2 * ALERT_BYTES);
        assert_eq!(report.id.len(), "20261125T031204Z-h".len());
    }
}
