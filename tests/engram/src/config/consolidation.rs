//! The sections `[consolidation]` and `[consolidation.pattern_detection]`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use toml::de::DeValue;

use super::keys;

/// When and how the log of a space is consolidated.
#[derive(Debug, Clone)]
pub(crate) struct ConsolidationConfig {
    /// Does the worker run?
    pub(crate) enabled: bool,
    /// How long it pauses between two cycles.
    pub(crate) check_interval: Duration,
    /// How old a record is when it is due.
    pub(crate) idle_threshold: Duration,
    /// Records that one cycle takes of a space. With so many waiting, they are due at once.
    pub(crate) max_batch_size: usize,
    /// How long one cycle may look for patterns in a space.
    pub(crate) pattern_timeout: Duration,
    /// How many memories that resemble each other make a pattern.
    pub(crate) min_pattern_support: usize,
}

impl Default for ConsolidationConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            check_interval: Duration::from_secs(60),
            idle_threshold: Duration::from_secs(300),
            max_batch_size: 1_000,
            pattern_timeout: Duration::from_secs(60),
            min_pattern_support: 5,
        }
    }
}

impl ConsolidationConfig {
    /// Takes over a value that the keys allow. Keys of other sections change nothing.
    pub(super) fn keep(&mut self, name: &str, value: &DeValue<'_>) {
        let seconds = || {
            let number = keys::integer(value).and_then(|number| number.try_into().ok());
            Duration::from_secs(number.unwrap_or_default())
        };
        let count = || {
            let number = keys::integer(value).and_then(|number| number.try_into().ok());
            number.unwrap_or(1)
        };
        match name {
            "consolidation.enabled" => self.enabled = value.as_bool().unwrap_or_default(),
            "consolidation.check_interval_secs" => self.check_interval = seconds(),
            "consolidation.idle_threshold_secs" => self.idle_threshold = seconds(),
            "consolidation.max_batch_size" => self.max_batch_size = count(),
            "consolidation.pattern_detection.timeout_secs" => self.pattern_timeout = seconds(),
            "consolidation.pattern_detection.min_pattern_support" => {
                self.min_pattern_support = count();
            }
            _ => {}
        }
    }

    /// How long a record of this time, the oldest that waits, is overdue: older than the threshold, although the worker
    /// has looked since. Zero if none waits.
    pub(crate) fn lag(&self, oldest_ns: Option<u64>) -> Duration {
        oldest_ns
            .map(age)
            .unwrap_or_default()
            .saturating_sub(self.idle_threshold + self.check_interval)
    }

    /// Are these records due?
    pub(crate) fn due(&self, records: u64, oldest_ns: Option<u64>) -> bool {
        let full = records >= self.max_batch_size as u64;
        records > 0 && (full || oldest_ns.map(age).unwrap_or_default() >= self.idle_threshold)
    }
}

fn age(time_ns: u64) -> Duration {
    let time = UNIX_EPOCH + Duration::from_nanos(time_ns);
    SystemTime::now().duration_since(time).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ago(seconds: u64) -> u64 {
        let time = SystemTime::now() - Duration::from_secs(seconds);
        let since = time.duration_since(UNIX_EPOCH).unwrap();
        u64::try_from(since.as_nanos()).unwrap()
    }

    #[test]
    fn a_record_is_due_by_age_or_in_a_full_batch_and_late_after_one_more_interval() {
        let config = ConsolidationConfig::default();
        assert!(!config.due(0, None) && !config.due(999, Some(ago(299))));
        assert!(config.due(1, Some(ago(301))) && config.due(1_000, Some(ago(0))));
        assert_eq!(config.lag(None), Duration::ZERO);
        assert_eq!(config.lag(Some(ago(359))), Duration::ZERO);
        assert!(config.lag(Some(ago(372))) >= Duration::from_secs(12));
    }
}
