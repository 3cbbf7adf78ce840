//! How often each alert fired, as Prometheus answers: what is on fire most often.

use crate::config::Config;
use crate::finding::Finding;
use crate::page::Page;
use crate::source::Place;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Times by alert.
#[derive(Debug, Default)]
pub(super) struct Often(BTreeMap<String, u64>);

/// Prometheus' HTTP API, "Instant queries": an instant vector.
#[derive(Deserialize)]
struct Answer {
    data: Vector,
}

#[derive(Deserialize)]
struct Vector {
    result: Vec<Sample>,
}

#[derive(Deserialize)]
struct Sample {
    metric: Labels,
    value: (f64, String),
}

#[derive(Deserialize)]
struct Labels {
    alertname: String,
}

impl Often {
    /// `None` where `book.toml` names no file, or the file cannot be read: `often_readable` tells of that.
    pub(super) fn load(config: &Config) -> Option<Self> {
        Self::read(config).ok().flatten()
    }

    fn read(config: &Config) -> Result<Option<Self>, String> {
        let Some(path) = &config.often else {
            return Ok(None);
        };
        let path = config.root.join(path);
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        Self::parse(&text).map(Some)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let answer: Answer = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let mut times = BTreeMap::new();
        for sample in answer.data.result {
            let value: f64 = sample
                .value
                .1
                .parse()
                .map_err(|_| format!("`{}` is no number", sample.value.1))?;
            *times.entry(sample.metric.alertname).or_insert(0) += whole(value);
        }
        Ok(Self(times))
    }

    /// How often the alerts of a page fired.
    pub(super) fn of(&self, page: &Page) -> u64 {
        let alerts = page.front_matter.alerts.iter();
        alerts.filter_map(|alert| self.0.get(&alert.name)).sum()
    }
}

/// Rounded; what is no number of times is none.
fn whole(value: f64) -> u64 {
    if value.is_finite() && value > 0.0 {
        format!("{value:.0}").parse().unwrap_or(u64::MAX)
    } else {
        0
    }
}

/// The file of `often`, if it cannot be used.
pub fn often_readable(config: &Config) -> Option<Finding> {
    let why = Often::read(config).err()?;
    let named = config.often.as_ref()?.display().to_string();
    let at = config.file.text().find(&named).unwrap_or(0);
    let place = Place::new(&config.file, at..at + named.len());
    Some(
        Finding::error("config", place, "`often` cannot be read")
            .note(why)
            .help("it must be the JSON with which Prometheus answers a query by `alertname`: see the README"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_of_prometheus() {
        let text = r#"{"status":"success","data":{"resultType":"vector","result":[
            {"metric":{"alertname":"A"},"value":[1700000000.1,"12"]},
            {"metric":{"alertname":"A"},"value":[1700000000.1,"0.6"]},
            {"metric":{"alertname":"B"},"value":[1700000000.1,"NaN"]}]}}"#;
        let often = Often::parse(text).unwrap();
        assert_eq!(often.0["A"], 13);
        assert_eq!(often.0["B"], 0);
        assert!(Often::parse("{}").is_err());
        assert!(Often::parse(r#"{"status":"error","error":"x"}"#).is_err());
    }
}
