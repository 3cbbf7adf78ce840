//! Durations on a scale, as rows of a table: a name, a mark in a small picture, the number.
//!
//! The scale is logarithmic: on a linear one a recovery of two seconds would be no wider than the line
//! of a target of fifteen minutes. Marks are points and no bars, since on such a scale a bar's length
//! means nothing. All positions are in per cent, so that it fits any screen and its text is never shrunk.

use super::card::minutes;
use serde::Serialize;

/// The left end of each scale in milliseconds.
const LEAST: f64 = 10.0;

/// Milliseconds, how they are written, and whether a narrow screen has no room for it.
const TICKS: &[(u64, &str, bool)] = &[
    (10, "10 ms", false),
    (100, "0.1 s", true),
    (1000, "1 s", false),
    (10_000, "10 s", true),
    (60_000, "1 min", false),
    (600_000, "10 min", true),
    (3_600_000, "1 h", false),
    (36_000_000, "10 h", true),
];

/// A logarithmic scale from 10 ms.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    decades: f64,
}

/// A line of the scale.
#[derive(Debug, Serialize)]
pub(super) struct Tick {
    at: String,
    name: &'static str,
    anchor: &'static str,
    is_minor: bool,
}

/// What a mark looks like; never told by its colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Shape {
    /// A full circle.
    Good,
    /// An empty circle.
    Stale,
    /// A cross.
    Bad,
    /// A small square: a part of something.
    Part,
    /// Nothing: there is no time to show.
    None,
}

/// What the small picture of one row shows.
#[derive(Debug, Serialize)]
pub(super) struct Marks {
    shape: Shape,
    at: String,
    target: Option<String>,
}

impl Scale {
    /// One that has room for all of `times` (milliseconds).
    pub(super) fn of(times: impl Iterator<Item = u64>) -> Self {
        // A minute at least, so that scales look alike; a little more, so that the last mark has room.
        let longest = times.max().unwrap_or_default().max(60_000);
        Self {
            decades: (precise(longest) * 1.5 / LEAST).log10(),
        }
    }

    /// Per cent of the width.
    fn at(self, ms: u64) -> String {
        let part = (precise(ms).max(LEAST) / LEAST).log10() / self.decades;
        format!("{:.1}%", part.min(1.0) * 100.0)
    }

    /// The lines of the scale.
    pub(super) fn ticks(self) -> Vec<Tick> {
        let reached = |ms: u64| (precise(ms) / LEAST).log10() <= self.decades;
        let shown = TICKS.iter().filter(|(ms, ..)| reached(*ms));
        shown
            .map(|&(ms, name, is_minor)| Tick {
                at: self.at(ms),
                name,
                anchor: if ms == 10 { "start" } else { "middle" },
                is_minor,
            })
            .collect()
    }

    /// A mark for `ms` and a line for the target, both where there are such.
    pub(super) fn marks(self, shape: Shape, ms: Option<u64>, target: Option<u64>) -> Marks {
        Marks {
            shape: if ms.is_some() { shape } else { Shape::None },
            at: self.at(ms.unwrap_or_default()),
            target: target.map(|ms| self.at(ms)),
        }
    }
}

/// No duration here is so long that a digit is lost.
fn precise(ms: u64) -> f64 {
    f64::from(u32::try_from(ms).unwrap_or(u32::MAX))
}

/// `0.7 % of 5 min`.
pub(super) fn share(ms: u64, target: u64) -> String {
    let percent = 100.0 * precise(ms) / precise(target).max(1.0);
    let digits = usize::from(percent < 9.95);
    if percent < 0.05 {
        format!("under 0.1 % of {}", minutes(target))
    } else {
        format!("{percent:.digits$} % of {}", minutes(target))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_seconds_and_fifteen_minutes_both_have_a_place() {
        let scale = Scale::of([2000, 900_000].into_iter());
        let at = |ms| scale.at(ms).trim_end_matches('%').parse::<f64>().unwrap();
        assert!((40.0..60.0).contains(&at(2000)), "{}", at(2000));
        assert!((90.0..99.0).contains(&at(900_000)), "{}", at(900_000));
        assert_eq!((at(0), at(10), at(u64::MAX)), (0.0, 0.0, 100.0));
        let names: Vec<_> = scale.ticks().iter().map(|tick| tick.name).collect();
        assert_eq!(names, ["10 ms", "0.1 s", "1 s", "10 s", "1 min", "10 min"]);
    }

    #[test]
    fn shares_of_the_target() {
        assert_eq!(share(2100, 300_000), "0.7 % of 5 min");
        assert_eq!(share(35, 300_000), "under 0.1 % of 5 min");
        assert_eq!(share(300_000, 300_000), "100 % of 5 min");
        assert_eq!(share(5, 0), "500 % of 0.00 s");
    }
}
