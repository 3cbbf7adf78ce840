//! The operations of the last five minutes.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::Outcome;

const KEPT: Duration = Duration::from_secs(300);
/// Under load the oldest go first, so that memory stays bounded.
const AT_MOST: usize = 50_000;

/// A bounded list, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    samples: VecDeque<Sample>,
}

#[derive(Debug)]
struct Sample {
    at: Instant,
    operation: &'static str,
    outcome: Outcome,
    seconds: f64,
}

/// The durations of one operation within a window, in seconds.
#[derive(Debug)]
pub(crate) struct Summary {
    /// Sorted; never empty.
    sorted: Vec<f64>,
}

impl Summary {
    /// How many.
    pub(crate) fn count(&self) -> usize {
        self.sorted.len()
    }

    /// All together.
    pub(crate) fn sum(&self) -> f64 {
        self.sorted.iter().sum()
    }

    /// The smallest value that is not exceeded by `percent` of all.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.sorted.len() * percent).div_ceil(100).max(1);
        self.sorted[rank - 1]
    }
}

impl Recent {
    pub(super) fn push(&mut self, operation: &'static str, outcome: Outcome, took: Duration) {
        let at = Instant::now();
        while self.samples.len() >= AT_MOST
            || self
                .samples
                .front()
                .is_some_and(|first| at - first.at > KEPT)
        {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample {
            at,
            operation,
            outcome,
            seconds: took.as_secs_f64(),
        });
    }

    pub(super) fn errors(&self, window: Duration) -> (usize, usize) {
        self.within(window).fold((0, 0), |(errors, all), sample| {
            (
                errors + usize::from(sample.outcome == Outcome::Error),
                all + 1,
            )
        })
    }

    /// For each operation within a window, its durations.
    pub(super) fn summaries(&self, window: Duration) -> BTreeMap<&'static str, Summary> {
        let mut durations: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
        for sample in self.within(window) {
            durations
                .entry(sample.operation)
                .or_default()
                .push(sample.seconds);
        }
        let summary = |mut sorted: Vec<f64>| {
            sorted.sort_by(f64::total_cmp);
            Summary { sorted }
        };
        durations
            .into_iter()
            .map(|(operation, seconds)| (operation, summary(seconds)))
            .collect()
    }

    fn within(&self, window: Duration) -> impl Iterator<Item = &Sample> {
        let now = Instant::now();
        self.samples
            .iter()
            .rev()
            .take_while(move |sample| now - sample.at <= window)
    }
}
