//! Rules, their tests and dashboards together: what each alert uses, shows and is tested by.

mod rule_tests;

pub use rule_tests::{RuleTests, Tested};

use crate::config::Config;
use crate::dashboards::{self, Dashboard, Panel, without_variables};
use crate::finding::Finding;
use crate::metrics::Expression;
use crate::rules::{self, RuleFile, RuleTexts};
use std::collections::BTreeMap;

/// All that a book's monitoring consists of.
#[derive(Debug, Clone, Default)]
pub struct Alerting {
    /// Alerts and recording rules, in the order of the files.
    pub rules: Vec<RuleTexts>,
    /// The dashboards.
    pub dashboards: Vec<Dashboard>,
    /// The unit tests of the rules.
    pub tests: RuleTests,
}

/// One alert, with what belongs to it.
#[derive(Debug, Clone)]
pub struct AlertRow<'a> {
    /// The rule.
    pub rule: &'a RuleTexts,
    /// The metrics that it uses, through recording rules too.
    pub metrics: Vec<String>,
    /// The panels that show any of them.
    pub panels: Vec<(&'a Dashboard, &'a Panel)>,
    /// Those of the metrics that no panel shows.
    pub not_shown: Vec<String>,
    /// What its unit tests show.
    pub tested: Tested,
}

impl Alerting {
    /// Reads all that `config` names. What is wrong with rule files themselves is told elsewhere.
    pub fn load(config: &Config) -> (Self, Vec<Finding>) {
        let rules = &config.rules;
        let (files, _) = rules::load(&config.root, &rules.globs, &rules.annotation);
        Self::of(&files, config)
    }

    /// The same with the rule files that were read already.
    pub fn of(files: &[RuleFile], config: &Config) -> (Self, Vec<Finding>) {
        let (dashboards, mut findings) = dashboards::load(&config.root, &config.dashboards);
        let (tests, more) = RuleTests::load(&config.root, &config.rule_tests);
        findings.extend(more);
        let alerting = Self {
            rules: files.iter().flat_map(RuleFile::texts).collect(),
            dashboards,
            tests,
        };
        (alerting, findings)
    }

    /// The alerts, without recording rules.
    pub fn alerts(&self) -> impl Iterator<Item = &RuleTexts> {
        self.rules.iter().filter(|rule| rule.is_alert)
    }

    /// Every alert with what belongs to it, in the order of the files.
    pub fn matrix(&self) -> Vec<AlertRow<'_>> {
        let recorded = self.recorded();
        let mut displays = Vec::new();
        for dashboard in &self.dashboards {
            for panel in &dashboard.panels {
                let mut metrics = Vec::new();
                for query in &panel.queries {
                    let (text, _) = without_variables(&query.text, &dashboard.variables);
                    metrics.extend(exported(&text, &recorded));
                }
                displays.push((dashboard, panel, metrics));
            }
        }
        self.alerts()
            .map(|rule| self.row(rule, &recorded, &displays))
            .collect()
    }

    fn row<'a>(
        &'a self,
        rule: &'a RuleTexts,
        recorded: &BTreeMap<&str, Vec<String>>,
        displays: &[(&'a Dashboard, &'a Panel, Vec<String>)],
    ) -> AlertRow<'a> {
        let metrics = exported(&rule.expr.text, recorded);
        let is_shown = |metric: &String| displays.iter().any(|(.., it)| it.contains(metric));
        let shows_any = |panel: &[String]| metrics.iter().any(|metric| panel.contains(metric));
        AlertRow {
            rule,
            panels: displays
                .iter()
                .filter(|(.., it)| shows_any(it))
                .map(|(dashboard, panel, _)| (*dashboard, *panel))
                .collect(),
            not_shown: metrics.iter().filter(|it| !is_shown(it)).cloned().collect(),
            tested: self.tests.of(&rule.name),
            metrics,
        }
    }

    /// What each recording rule names.
    fn recorded(&self) -> BTreeMap<&str, Vec<String>> {
        let recording = self.rules.iter().filter(|rule| !rule.is_alert);
        recording
            .map(|rule| {
                let expression = Expression::parse(&rule.expr.text);
                let metrics = expression.map(|it| it.metrics()).unwrap_or_default();
                (rule.name.as_str(), metrics)
            })
            .collect()
    }
}

/// The metrics of an expression; those that are recorded are replaced by what they are made of.
fn exported(text: &str, recorded: &BTreeMap<&str, Vec<String>>) -> Vec<String> {
    let mut waiting = Expression::parse(text)
        .map(|it| it.metrics())
        .unwrap_or_default();
    let mut metrics: Vec<String> = Vec::new();
    let mut seen = Vec::new();
    waiting.reverse();
    while let Some(name) = waiting.pop() {
        if seen.contains(&name) {
            continue;
        }
        match recorded.get(name.as_str()) {
            Some(sources) => waiting.extend(sources.iter().rev().cloned()),
            None => metrics.push(name.clone()),
        }
        seen.push(name);
    }
    metrics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_metrics_lead_to_what_they_are_made_of() {
        let recorded = BTreeMap::from([
            ("r", vec!["a".to_owned(), "s".to_owned()]),
            ("s", vec!["b".to_owned(), "r".to_owned()]),
        ]);
        assert_eq!(exported("r + c + a", &recorded), ["a", "b", "c"]);
        assert_eq!(exported("(", &recorded), [""; 0]);
    }
}
