//! The metrics of an instance: their names and the names of their labels, from the text format.

mod expression;
mod known;

pub use expression::{Expression, Selector};
pub use known::{Known, PLACEHOLDER, Problem};

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Names of labels; `None` where no series of the metric has been seen.
type Labels = Option<BTreeSet<String>>;

/// What an instance exports.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metrics(BTreeMap<String, Labels>);

impl Metrics {
    /// Reads the Prometheus text format. Lines that are no part of it are passed over.
    pub fn read(text: &str) -> Self {
        let mut metrics = Self::default();
        let mut counters = Vec::new();
        for line in text.lines().map(str::trim) {
            if let Some(family) = line.strip_prefix("# TYPE ") {
                let mut words = family.split_whitespace();
                let (Some(name), Some(kind)) = (words.next(), words.next()) else {
                    continue;
                };
                match kind {
                    "histogram" => metrics.announce(name, &["_bucket", "_sum", "_count"]),
                    "summary" => metrics.announce(name, &["", "_sum", "_count"]),
                    _ => metrics.announce(name, &[""]),
                }
                if kind == "counter" {
                    counters.push(name.to_owned());
                }
            } else if !line.starts_with('#')
                && let Some((name, labels)) = series(line)
            {
                metrics.add(name, Some(labels));
            }
        }
        // OpenMetrics names the family, and only the series ends with `_total`.
        for name in counters {
            if metrics.0.get(&name) == Some(&None)
                && metrics.0.contains_key(&format!("{name}_total"))
            {
                metrics.0.remove(&name);
            }
        }
        metrics
    }

    fn announce(&mut self, family: &str, suffixes: &[&str]) {
        for suffix in suffixes {
            self.add(format!("{family}{suffix}"), None);
        }
    }

    fn add(&mut self, name: String, labels: Labels) {
        let known = self.0.entry(name).or_default();
        if let Some(labels) = labels {
            known.get_or_insert_default().extend(labels);
        }
    }

    /// Adds what another scrape has shown.
    pub fn extend(&mut self, other: &Self) {
        for (name, labels) in &other.0 {
            self.add(name.clone(), labels.clone());
        }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The labels of a metric, if there is such a metric.
    pub fn labels(&self, name: &str) -> Option<&Labels> {
        self.0.get(name)
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// Name and labels of a line such as `name{label="value"} 1`.
fn series(line: &str) -> Option<(String, BTreeSet<String>)> {
    let end = line.find(|c: char| c == '{' || c.is_whitespace())?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeSet::new();
    if !is_name(name) {
        return None;
    }
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside.trim_start();
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once('=')?;
            labels.insert(label.trim().to_owned());
            rest = after_quoted(after.trim_start().strip_prefix('"')?)?.trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
        rest = &rest[1..];
    }
    let value = rest.split_whitespace().next()?;
    value
        .parse::<f64>()
        .is_ok()
        .then(|| (name.to_owned(), labels))
}

/// What follows the closing quote.
fn after_quoted(text: &str) -> Option<&str> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(&text[at + 1..]),
            _ => {}
        }
    }
    None
}

fn is_name(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ':';
    text.starts_with(letter) && text.chars().all(|c| letter(c) || c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(metrics: &Metrics, name: &str) -> Option<Vec<String>> {
        let labels = metrics.labels(name)?.as_ref()?;
        Some(labels.iter().cloned().collect())
    }

    #[test]
    fn names_and_labels_are_read_and_odd_lines_passed_over() {
        let metrics = Metrics::read(
            "# HELP a what\n# TYPE a counter\na{x=\"1,}\\\"\",y=\"2\"} 3\na{z=\"\"} NaN 17\nb 1e3\n\
             # TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\n# TYPE empty gauge\n<html>\nbroken{x= 1\nno value\n",
        );
        assert_eq!(
            metrics.names().collect::<Vec<_>>(),
            ["a", "b", "empty", "h_bucket", "h_count", "h_sum"]
        );
        assert_eq!(labels(&metrics, "a").unwrap(), ["x", "y", "z"]);
        assert_eq!(labels(&metrics, "b").unwrap(), [""; 0]);
        assert_eq!(metrics.labels("empty"), Some(&None));
        assert_eq!(metrics.labels("h"), None);
    }

    #[test]
    fn a_counter_of_openmetrics_has_its_series_name() {
        let metrics = Metrics::read("# TYPE a counter\na_total{x=\"1\"} 3\n# EOF\n");
        assert_eq!(metrics.names().collect::<Vec<_>>(), ["a_total"]);
    }

    #[test]
    fn scrapes_add_up() {
        let mut metrics = Metrics::read("# TYPE a counter\n");
        metrics.extend(&Metrics::read("a{x=\"1\"} 1\n"));
        metrics.extend(&Metrics::read("a{y=\"1\"} 1\n"));
        assert_eq!(labels(&metrics, "a").unwrap(), ["x", "y"]);
        let json = serde_json::to_string(&metrics).unwrap();
        assert_eq!(json, "{\"a\":[\"x\",\"y\"]}");
    }
}
