//! Unit tests of rules, as `promtool test rules` runs them: which alerts they expect, and when.

use crate::finding::Finding;
use crate::metrics::Expression;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// How many tests show each of the three that an alert must do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tested {
    /// It fires.
    pub fires: usize,
    /// It does not, where it should not.
    pub silent: usize,
    /// It has fired, and does no longer.
    pub resolves: usize,
}

/// All tests by the names of alerts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleTests(BTreeMap<String, Tested>);

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    tests: Vec<Test>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Test {
    promql_expr_test: Vec<ExprTest>,
    alert_rule_test: Vec<AlertTest>,
}

#[derive(Deserialize)]
struct ExprTest {
    expr: String,
    eval_time: String,
    #[serde(default)]
    exp_samples: Vec<Sample>,
}

#[derive(Deserialize)]
struct Sample {
    #[serde(default)]
    value: f64,
}

#[derive(Deserialize)]
struct AlertTest {
    alertname: String,
    eval_time: String,
    #[serde(default)]
    exp_alerts: Vec<serde::de::IgnoredAny>,
}

/// What one test expects of one alert.
#[derive(Default)]
struct Expected {
    firing: Vec<Duration>,
    not_firing: Vec<Duration>,
}

impl RuleTests {
    /// Reads the files that match `globs`, each relative to `root`.
    pub fn load(root: &Path, globs: &[String]) -> (Self, Vec<Finding>) {
        let mut tests = Self::default();
        let mut findings = Vec::new();
        for glob in globs {
            let paths = crate::rules::paths(root, glob);
            if paths.is_empty() {
                let title = format!("no file with tests of rules matches `{glob}`");
                findings.push(
                    Finding::error_in("rule-test-invalid", root.join(glob), title).help(
                        "correct `rule-tests` in book.toml; its paths begin at the book's folder",
                    ),
                );
            }
            for path in paths {
                let read = std::fs::read_to_string(&path)
                    .map_err(|error| error.to_string())
                    .and_then(|text| tests.read(&text));
                if let Err(why) = read {
                    findings.push(
                        Finding::error_in(
                            "rule-test-invalid",
                            path,
                            "cannot read these tests of rules",
                        )
                        .note(why)
                        .help("run `promtool test rules` on it"),
                    );
                }
            }
        }
        (tests, findings)
    }

    fn read(&mut self, text: &str) -> Result<(), String> {
        let file: File = serde_saphyr::from_str(text)
            .map_err(|error| error.without_snippet().to_string().replace('\n', " "))?;
        for test in &file.tests {
            for (alert, expected) in test.expected()? {
                let tested = self.0.entry(alert).or_default();
                let (first, last) = (expected.firing.iter().min(), expected.firing.iter().max());
                let any = |holds: &dyn Fn(&Duration) -> bool| {
                    usize::from(expected.not_firing.iter().any(holds))
                };
                tested.fires += usize::from(first.is_some());
                tested.resolves += any(&|at| first.is_some_and(|first| at > first));
                tested.silent += any(&|at| last.is_none_or(|last| at <= last));
            }
        }
        Ok(())
    }

    /// What is tested of an alert.
    pub fn of(&self, alert: &str) -> Tested {
        self.0.get(alert).copied().unwrap_or_default()
    }
}

impl Test {
    fn expected(&self) -> Result<BTreeMap<String, Expected>, String> {
        let mut all: BTreeMap<String, Expected> = BTreeMap::new();
        let mut add = |alert: String, at: &str, fires: bool| {
            let at = promql_parser::util::duration::parse_duration(at)?;
            let expected = all.entry(alert).or_default();
            if fires {
                expected.firing.push(at);
            } else {
                expected.not_firing.push(at);
            }
            Ok::<_, String>(())
        };
        for test in &self.alert_rule_test {
            add(
                test.alertname.clone(),
                &test.eval_time,
                !test.exp_alerts.is_empty(),
            )?;
        }
        for test in &self.promql_expr_test {
            let fires = test.exp_samples.iter().any(|sample| sample.value > 0.0);
            for selector in Expression::parse(&test.expr)?.selectors() {
                let value = |label: &str| {
                    let found = selector.equal.iter().find(|(name, _)| name == label);
                    found.map(|(_, value)| value.as_str())
                };
                // One that is only pending does not fire yet.
                let counts = value("alertstate") == Some("firing") || !fires;
                if selector.metric.as_deref() == Some("ALERTS")
                    && counts
                    && let Some(alert) = value("alertname")
                {
                    add(alert.to_owned(), &test.eval_time, fires)?;
                }
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_tests_are_understood() {
        let mut tests = RuleTests::default();
        tests
            .read(
                r#"
rule_files: [a.yml]
tests:
  - name: one
    interval: 1m
    alert_rule_test:
      - { alertname: A, eval_time: 1m, exp_alerts: [{ exp_labels: { x: y } }] }
      - { alertname: A, eval_time: 2m30s }
      - { alertname: B, eval_time: 1m, exp_alerts: [] }
    promql_expr_test:
      - expr: count(ALERTS{alertname="C", alertstate="firing"}) or vector(0)
        eval_time: 1m
        exp_samples: [{ value: 0 }]
      - expr: count by (x) (ALERTS{alertname="C", alertstate="firing"})
        eval_time: 2m
        exp_samples: [{ labels: '{x="y"}', value: 1 }]
      - expr: ALERTS{alertname="D", alertstate="pending"}
        eval_time: 2m
        exp_samples: [{ labels: '{x="y"}', value: 1 }]
"#,
            )
            .unwrap();
        let tested = |fires, silent, resolves| Tested {
            fires,
            silent,
            resolves,
        };
        assert_eq!(tests.of("A"), tested(1, 0, 1));
        assert_eq!(tests.of("B"), tested(0, 1, 0));
        assert_eq!(tests.of("C"), tested(1, 1, 0));
        assert_eq!(tests.of("D"), tested(0, 0, 0));
        for broken in [
            "tests: 1",
            "tests: [{promql_expr_test: [{expr: 'a', eval_time: soon}, {expr: 'ALERTS{alertname=\"A\"}', eval_time: soon}]}]",
            "tests: [{promql_expr_test: [{expr: '(', eval_time: 1m}]}]",
        ] {
            assert!(tests.read(broken).is_err(), "{broken}");
        }
    }
}
