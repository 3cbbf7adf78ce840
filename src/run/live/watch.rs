//! What Prometheus and Alertmanager say of an alert, asked over their HTTP APIs in the sandbox.

use super::Live;
use crate::evidence::Outcome;
use crate::run::record::{Failed, Recorder};
use jiff::Timestamp;
use serde_json::Value;
use std::time::Duration;

/// The programs answer from memory.
const LIMIT: Duration = Duration::from_secs(10);

/// An alert that has arrived in Alertmanager.
pub(super) struct Arrived {
    pub(super) name: String,
    /// Its link.
    pub(super) link: String,
    /// When it fired in Prometheus.
    pub(super) fired: Option<Timestamp>,
}

/// Waits until all targets were scraped once and the alerts evaluated after that.
#[derive(Default)]
pub(super) struct Rest {
    /// When the alerts had been evaluated last as all targets were known.
    evaluated: Option<Vec<String>>,
}

impl Rest {
    pub(super) fn look(
        &mut self,
        live: &Live<'_>,
        names: &[&str],
        recorder: &mut Recorder<'_>,
    ) -> Result<Result<(), String>, Failed> {
        let targets = match ask(live, "/api/v1/targets?state=active", recorder)? {
            Ok(answer) => answer,
            Err(words) => return Ok(Err(words)),
        };
        let mut active = list(&targets, "/data/activeTargets").peekable();
        if active.peek().is_none() {
            return Ok(Err("Prometheus scrapes nothing\n".to_owned()));
        }
        let unknown = active
            .find(|target| target["health"] == "unknown")
            .map(|target| text(target, "/scrapeUrl"));
        if let Some(url) = unknown {
            return Ok(Err(format!("{url} was never scraped\n")));
        }
        let rules = match rules(live, recorder)? {
            Ok(rules) => rules,
            Err(words) => return Ok(Err(words)),
        };
        Ok(self.judge(&rules, names))
    }

    fn judge(&mut self, rules: &[Value], names: &[&str]) -> Result<(), String> {
        let mut evaluated = Vec::new();
        for name in names {
            let own: Vec<&Value> = rules.iter().filter(|rule| rule["name"] == **name).collect();
            if own.is_empty() {
                return Err(format!("Prometheus has no alert {name}\n"));
            }
            for rule in own {
                if rule["health"] == "err" {
                    return Err(format!("{name}: {}\n", text(rule, "/lastError")));
                }
                if rule["state"] != "inactive" {
                    return Err(state(rule));
                }
                evaluated.push(text(rule, "/lastEvaluation"));
            }
        }
        let before = self.evaluated.get_or_insert_with(|| evaluated.clone());
        if before.iter().zip(&evaluated).any(|(old, new)| old == new) {
            return Err("the alerts were not evaluated since the first scrape\n".to_owned());
        }
        Ok(())
    }
}

/// Whether one of the alerts fires in Prometheus.
pub(super) fn firing(
    live: &Live<'_>,
    names: &[&str],
    recorder: &mut Recorder<'_>,
) -> Result<Result<(), String>, Failed> {
    Ok(ask(live, "/api/v1/alerts", recorder)?.and_then(|answer| {
        let fires = is_firing(&answer, names);
        fires
            .then_some(())
            .ok_or_else(|| within(live, "it does not fire in Prometheus"))
    }))
}

fn is_firing(answer: &Value, names: &[&str]) -> bool {
    list(answer, "/data/alerts").any(|alert| alert["state"] == "firing" && is_one_of(alert, names))
}

/// The first of the alerts that is active in Alertmanager, with a link.
pub(super) fn arrived(
    live: &Live<'_>,
    names: &[&str],
    recorder: &mut Recorder<'_>,
) -> Result<Result<Arrived, String>, Failed> {
    Ok(alertmanager(live, recorder)?.and_then(|alerts| {
        let own = alerts.iter().filter(|alert| is_one_of(alert, names));
        let mut last = within(
            live,
            "it fires in Prometheus but does not arrive in Alertmanager",
        );
        for alert in own {
            let annotation = &live.ground.annotation;
            let link = alert["annotations"][annotation]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            if alert["status"]["state"] == "suppressed" {
                "it arrives in Alertmanager, but is silenced or inhibited there\n"
                    .clone_into(&mut last);
            } else if !link.is_empty() {
                let name = text(alert, "/labels/alertname");
                let fired = text(alert, "/startsAt").parse().ok();
                return Ok(Arrived { name, link, fired });
            }
        }
        Err(last)
    }))
}

/// Whether the alert is gone from both.
pub(super) fn gone(
    live: &Live<'_>,
    names: &[&str],
    recorder: &mut Recorder<'_>,
) -> Result<Result<(), String>, Failed> {
    // A Prometheus that does not answer has not said that it is over.
    let fires = match ask(live, "/api/v1/alerts", recorder)? {
        Ok(answer) => is_firing(&answer, names),
        Err(words) => return Ok(Err(words)),
    };
    if fires {
        return Ok(Err(within(live, "it still fires in Prometheus")));
    }
    Ok(alertmanager(live, recorder)?.and_then(|alerts| {
        if alerts.iter().any(|alert| is_one_of(alert, names)) {
            Err(within(
                live,
                "it is over in Prometheus, but not in Alertmanager",
            ))
        } else {
            Ok(())
        }
    }))
}

/// The state of the alerts in Prometheus, for a message.
pub(super) fn states(
    live: &Live<'_>,
    names: &[&str],
    recorder: &mut Recorder<'_>,
) -> Result<String, Failed> {
    Ok(match rules(live, recorder)? {
        Ok(rules) => rules
            .iter()
            .filter(|rule| names.iter().any(|name| rule["name"] == **name))
            .map(state)
            .collect(),
        Err(words) => words,
    })
}

/// Puts what Alertmanager says of the alert into the record of the stage.
pub(super) fn note(live: &Live<'_>, name: &str, recorder: &mut Recorder<'_>) -> Result<(), Failed> {
    let url = format!("{}/api/v2/alerts", live.ground.config.alertmanager);
    let code =
        format!("curl -fsS --max-time 5 -G --data-urlencode 'filter=alertname=\"{name}\"' {url}");
    // Whether it answers is known; this is for whoever reads the record.
    recorder.command(&code).map(|_| ())
}

fn ask(
    live: &Live<'_>,
    path: &str,
    recorder: &mut Recorder<'_>,
) -> Result<Result<Value, String>, Failed> {
    get(
        &format!("{}{path}", live.ground.config.prometheus),
        recorder,
    )
}

fn get(url: &str, recorder: &mut Recorder<'_>) -> Result<Result<Value, String>, Failed> {
    let code = format!("curl -fsS --max-time 5 {}", crate::run::sandbox::quote(url));
    let (outcome, printed) = recorder.quiet_command(&code, LIMIT)?;
    Ok(match outcome {
        Outcome::Exited { status: 0 } => serde_json::from_str(&printed)
            .map_err(|error| format!("{url} answers no JSON: {error}\n")),
        _ => Err(format!("{url}: {printed}\n")),
    })
}

fn alertmanager(
    live: &Live<'_>,
    recorder: &mut Recorder<'_>,
) -> Result<Result<Vec<Value>, String>, Failed> {
    let url = format!("{}/api/v2/alerts", live.ground.config.alertmanager);
    Ok(get(&url, recorder)?.map(|answer| list(&answer, "").cloned().collect()))
}

/// All alerting rules.
fn rules(
    live: &Live<'_>,
    recorder: &mut Recorder<'_>,
) -> Result<Result<Vec<Value>, String>, Failed> {
    Ok(
        ask(live, "/api/v1/rules?type=alert", recorder)?.map(|answer| {
            let groups = list(&answer, "/data/groups");
            groups
                .flat_map(|group| list(group, "/rules"))
                .cloned()
                .collect()
        }),
    )
}

fn list<'v>(value: &'v Value, pointer: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn text(value: &Value, pointer: &str) -> String {
    let text = value.pointer(pointer).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

fn is_one_of(alert: &Value, names: &[&str]) -> bool {
    names
        .iter()
        .any(|name| alert["labels"]["alertname"] == **name)
}

/// Its expression and what it holds for, for a message.
fn state(rule: &Value) -> String {
    let mut line = format!(
        "{} is {} in Prometheus, with divided times: {}\n",
        text(rule, "/name"),
        text(rule, "/state"),
        text(rule, "/query")
    );
    for alert in list(rule, "/alerts") {
        line.push_str(&format!(
            "  {} = {}\n",
            alert["labels"],
            text(alert, "/value")
        ));
    }
    line
}

fn within(live: &Live<'_>, words: &str) -> String {
    let time = crate::run::record::in_seconds(live.ground.config.within);
    format!("{words}, {time} long\n")
}
