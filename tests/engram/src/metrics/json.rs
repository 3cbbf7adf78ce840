//! `GET /metrics` as JSON: the real server's form, with what was really measured within each window.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Metrics, Recent};

/// The body of `GET /metrics`.
pub(crate) fn snapshot(metrics: &Metrics) -> Value {
    let inner = metrics.lock();
    let window = |seconds| operations(&inner.recent, Duration::from_secs(seconds));
    json!({
        "snapshot": {
            "schema_version": "1.1.0",
            "one_second": window(1),
            "ten_seconds": window(10),
            "one_minute": window(60),
            "five_minutes": window(300),
            "spreading": {},
        },
        "export": { "exported": inner.durations.values().map(|histogram| histogram.count).sum::<u64>(), "dropped": 0, "queue_depth": 0 },
    })
}

fn operations(recent: &Recent, window: Duration) -> Value {
    let mut object = Map::new();
    for (operation, summary) in recent.summaries(window) {
        #[expect(clippy::cast_precision_loss, reason = "a count of at most 50,000")]
        let mean = summary.sum() / summary.count() as f64;
        object.insert(
            format!("engram_memory_operation_duration_seconds{{operation=\"{operation}\"}}"),
            json!({
                "count": summary.count(),
                "sum": summary.sum(),
                "mean": mean,
                "min": summary.percentile(0),
                "max": summary.percentile(100),
                "p50": summary.percentile(50),
                "p90": summary.percentile(90),
                "p99": summary.percentile(99),
            }),
        );
    }
    Value::Object(object)
}
