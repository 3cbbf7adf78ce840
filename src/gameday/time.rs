//! Points in time as files hold them, and times as people say them.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// A point in time, to the millisecond: RFC 3339 in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct At(pub i64);

impl At {
    /// Now.
    pub fn now() -> Self {
        Timestamp::now().into()
    }

    /// Milliseconds since `earlier`; 0 where that is later.
    pub fn since(self, earlier: Self) -> u64 {
        u64::try_from(self.0 - earlier.0).unwrap_or_default()
    }

    /// `2026-11-25 03:12:04 UTC`.
    pub fn in_words(self) -> String {
        let text = self.to_string();
        let (day, time) = text.split_once('T').unwrap_or((&text, ""));
        format!("{day} {} UTC", time.get(..8).unwrap_or(time))
    }

    /// `03:12:04`.
    pub fn clock(self) -> String {
        let text = self.to_string();
        text.get(11..19).unwrap_or(&text).to_owned()
    }
}

impl From<Timestamp> for At {
    fn from(timestamp: Timestamp) -> Self {
        Self(timestamp.as_millisecond())
    }
}

impl std::fmt::Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp:.3}"),
            Err(_) => write!(f, "{}", self.0),
        }
    }
}

impl Serialize for At {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let timestamp: Timestamp = text.parse().map_err(D::Error::custom)?;
        Ok(timestamp.into())
    }
}

/// `0.4 s`, from a minute on `2 min 5 s`, whole minutes alone.
pub fn in_words(ms: u64) -> String {
    let seconds = ms / 1000;
    match (seconds / 60, seconds % 60) {
        (0, _) => format!("{seconds}.{} s", ms % 1000 / 100),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_in_time_survives_a_file() {
        let at = At(1_764_040_324_120);
        let text = serde_json::to_string(&at).unwrap();
        assert_eq!(text, "\"2025-11-25T03:12:04.120Z\"");
        assert_eq!(serde_json::from_str::<At>(&text).unwrap(), at);
        assert_eq!(at.in_words(), "2025-11-25 03:12:04 UTC");
        assert_eq!(at.clock(), "03:12:04");
    }

    #[test]
    fn times_in_words() {
        assert_eq!(in_words(450), "0.4 s");
        assert_eq!(in_words(300_000), "5 min");
        assert_eq!(in_words(61_900), "1 min 1 s");
    }
}
