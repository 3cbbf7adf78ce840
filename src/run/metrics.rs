//! Asks the instance for its metrics, under the fault and before the stop.

use super::record::{Failed, Recorder};
use crate::config::Instance;
use crate::evidence::Outcome;
use crate::metrics::Metrics;
use std::time::Duration;

/// A scrape that takes longer is none.
const LIMIT: Duration = Duration::from_secs(10);

/// Adds what `instance` exports now to the record. That it does not answer is no fault here: it may
/// be what the drill induces. What no run has seen is told by the check `metrics-unproven`.
pub(super) fn take(instance: Option<&Instance>, recorder: &mut Recorder<'_>) -> Result<(), Failed> {
    let Some(command) = instance.and_then(|instance| instance.metrics.as_deref()) else {
        return Ok(());
    };
    let (outcome, printed) = recorder.quiet_command(command, LIMIT)?;
    let metrics = recorder.metrics.get_or_insert_default();
    if outcome == (Outcome::Exited { status: 0 }) {
        metrics.extend(&Metrics::read(&printed));
    }
    Ok(())
}
