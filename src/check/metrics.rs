//! `unknown-metric`, `unknown-label`, `query-invalid`, `metrics-unproven`: what rules and dashboards
//! ask for, against what the instance has exported in the drills and doc tests on record.

use crate::alerting::Alerting;
use crate::config::Config;
use crate::dashboards::{Dashboard, without_variables};
use crate::evidence::{Store, Verdict};
use crate::finding::{Finding, did_you_mean, nearest};
use crate::metrics::{Expression, Known, Metrics, Problem};
use crate::plan::Job;
use crate::rules::RuleTexts;
use std::collections::BTreeSet;

/// All expressions of `alerting` against the metrics on record.
pub fn metrics(alerting: &Alerting, config: &Config, store: &Store, jobs: &[Job]) -> Vec<Finding> {
    if alerting.rules.is_empty() && alerting.dashboards.is_empty() {
        return Vec::new();
    }
    let asked = config
        .instance
        .as_ref()
        .is_some_and(|i| i.metrics.is_some());
    if !asked {
        // Rules alone are common; who has dashboards wants to know.
        return Vec::from_iter((!config.dashboards.is_empty()).then(|| {
            let title = "nothing can prove that the instance exports what dashboards ask for";
            Finding::error_in("metrics-unproven", config.file.path(), title)
                .help("add `metrics`, which prints them, to `[preprocessor.runbook.instance]`")
        }));
    }
    let (exported, n_silent) = on_record(store, jobs);
    if exported.is_empty() {
        let finding = Finding::error_in(
            "metrics-unproven",
            config.file.path(),
            "no metrics are on record: nothing that rules and dashboards ask for is proved",
        );
        return vec![if n_silent == 0 {
            finding
                .note("the instance has answered in no drill and no doc test")
                .help("correct `metrics` in `[preprocessor.runbook.instance]`")
        } else {
            finding.warning().help("run `verify`")
        }];
    }
    let mut findings = judge(alerting, config, exported);
    if n_silent > 0 {
        // What is missing may be exported in a drill that has not been run.
        for finding in &mut findings {
            if finding.check != "query-invalid" {
                finding.severity = crate::finding::Severity::Warning;
                finding.note = format!(
                    "the metrics of {n_silent} of {} drills and doc tests are not known",
                    jobs.len()
                );
            }
        }
    }
    findings
}

/// What was exported in any run, and how many runs were not asked yet.
fn on_record(store: &Store, jobs: &[Job]) -> (Metrics, usize) {
    let mut exported = Metrics::default();
    let mut n_silent = 0;
    for job in jobs {
        let evidence = store.last(&job.subject());
        let is_played = |verdict: &Verdict| !matches!(verdict, Verdict::NotApplicable { .. });
        match evidence.map(|it| (&it.metrics, is_played(&it.verdict))) {
            Some((Some(metrics), _)) => exported.extend(metrics),
            Some((None, false)) => {}
            Some((None, true)) | None => n_silent += 1,
        }
    }
    (exported, n_silent)
}

fn judge(alerting: &Alerting, config: &Config, exported: Metrics) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut others = globset::GlobSetBuilder::new();
    for pattern in &config.other_metrics {
        match globset::Glob::new(pattern) {
            Ok(glob) => {
                others.add(glob);
            }
            Err(error) => findings.push(
                Finding::error_in("config", config.file.path(), error.to_string())
                    .help("correct `other-metrics`, such as `node_*`"),
            ),
        }
    }
    let others = others.build().unwrap_or_default();
    let mut known = Known::new(exported, others, &config.target_labels);
    known.add_recorded(&recorded(&alerting.rules));
    for rule in &alerting.rules {
        findings.extend(of_rule(rule, &known));
    }
    for dashboard in &alerting.dashboards {
        findings.extend(of_dashboard(dashboard, &known));
    }
    findings
}

fn recorded(rules: &[RuleTexts]) -> Vec<(String, Expression, Vec<String>)> {
    let recording = rules.iter().filter(|rule| !rule.is_alert);
    recording
        .filter_map(|rule| {
            let labels = rule.labels.iter().map(|label| label.key.clone()).collect();
            let expression = Expression::parse(&rule.expr.text).ok()?;
            Some((rule.name.clone(), expression, labels))
        })
        .collect()
}

fn of_rule(rule: &RuleTexts, known: &Known) -> Vec<Finding> {
    if !rule.is_promql {
        return Vec::new();
    }
    let place = || rule.expr.place.clone();
    let expression = match Expression::parse(&rule.expr.text) {
        Ok(expression) => expression,
        // Whether Prometheus would load it is judged elsewhere.
        Err(why) => {
            let title = format!("the metrics of `{}` cannot be judged", rule.name);
            let finding = Finding::error("query-invalid", place(), title).warning();
            return vec![finding.note(why).help("write the expression more simply")];
        }
    };
    let (problems, labels) = known.examine(&expression);
    let mut findings: Vec<Finding> = problems
        .iter()
        .map(|problem| {
            let (check, title, help) = in_words(problem, known);
            Finding::error(check, place(), title)
                .note(format!("in `{}`", rule.name))
                .help(help)
        })
        .collect();
    let Some(labels) = labels else {
        return findings;
    };
    for text in rule.annotations.iter().chain(&rule.labels) {
        for label in labels_in(&text.text) {
            if !labels.contains(label) {
                let title = format!(
                    "`{}` of `{}` uses the label `{label}`, which its expression does not give",
                    text.key, rule.name
                );
                let has: Vec<&str> = labels.iter().map(String::as_str).collect();
                findings.push(
                    Finding::error("unknown-label", text.place.clone(), title)
                        .help(did_you_mean(label, &has)),
                );
            }
        }
    }
    findings
}

/// The labels that a template takes from the sample: `$labels.x`, and `.Labels.x` for the same.
fn labels_in(text: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for part in text.split("{{").skip(1) {
        let code = part.split("}}").next().unwrap_or_default();
        for mark in ["$labels.", ".Labels."] {
            for rest in code.split(mark).skip(1) {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                let label = &rest[..end.unwrap_or(rest.len())];
                if !label.is_empty() {
                    found.insert(label);
                }
            }
        }
    }
    found
}

fn of_dashboard(dashboard: &Dashboard, known: &Known) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (panel, query) in dashboard.queries() {
        let whose = match panel {
            Some(panel) => format!("in the panel `{}`", panel.title),
            None => "in a variable or an annotation".to_owned(),
        };
        let mut complain = |(check, title, help): (&'static str, String, String)| {
            let finding = dashboard.finding(check, &query.text, title);
            findings.push(finding.note(whose.clone()).help(help));
        };
        let (text, unknown) = without_variables(&query.text, &dashboard.variables);
        for name in unknown {
            let declared: Vec<&str> = dashboard.variables.iter().map(String::as_str).collect();
            let title = format!("the dashboard has no variable `{name}`");
            complain(("query-invalid", title, did_you_mean(&name, &declared)));
        }
        let expression = match Expression::parse(&text) {
            Ok(expression) => expression,
            Err(why) => {
                let title = format!("this is no PromQL: {why}");
                complain(("query-invalid", title, "correct the query".to_owned()));
                continue;
            }
        };
        let (problems, labels) = known.examine(&expression);
        for problem in &problems {
            complain(in_words(problem, known));
        }
        if let (Some(label), Some(labels)) = (&query.label, labels)
            && !labels.contains(label)
        {
            complain(in_words(
                &Problem::Label {
                    label: label.clone(),
                    of: format!("`{}`", query.text),
                    known: labels.into_iter().collect(),
                },
                known,
            ));
        }
    }
    findings
}

/// The metric that was probably meant: often only `_total` or `_bucket` is missing.
fn near<'a>(name: &str, known: &'a Known) -> Option<&'a str> {
    let longer = |it: &&str| {
        it.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('_'))
    };
    known
        .names()
        .find(longer)
        .or_else(|| nearest(name, known.names()))
}

/// The check, what is wrong, and what to do.
fn in_words(problem: &Problem, known: &Known) -> (&'static str, String, String) {
    match problem {
        Problem::Metric(name) => (
            "unknown-metric",
            format!("nothing exports a metric `{name}`"),
            match near(name, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "see what `metrics` in book.toml prints; name metrics of other programs in `other-metrics`".to_owned(),
            },
        ),
        Problem::Label { label, of, known } => (
            "unknown-label",
            format!("{of} has no label `{label}`"),
            match known.as_slice() {
                [] => "it has no labels at all".to_owned(),
                known => did_you_mean(label, &known.iter().map(String::as_str).collect::<Vec<_>>()),
            },
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_templates_are_found() {
        let text = "{{ or $labels.instance \"$labels.no\" }} $labels.no {{$labels.a | urlquery}} {{ .Labels.b_1 }} {{ $value }}";
        let labels: Vec<_> = labels_in(text).into_iter().collect();
        assert_eq!(labels, ["a", "b_1", "instance", "no"]);
    }
}
