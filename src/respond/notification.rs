//! What Alertmanager sends: version 4 of its webhook.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The only version that there is since Alertmanager 0.8.
const VERSION: &str = "4";

/// A notification about one group of alerts. Keys that are not needed here are passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// Of the webhook.
    pub version: String,
    /// The same for all notifications of a group.
    pub group_key: String,
    /// `firing` or `resolved`.
    pub status: String,
    /// The receiver in Alertmanager's configuration.
    #[serde(default)]
    pub receiver: String,
    /// Its alerts, those that are resolved among them.
    pub alerts: Vec<AlertOf>,
}

/// One alert of a notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertOf {
    /// `firing` or `resolved`.
    pub status: String,
    /// With `alertname` and `severity`.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// With `runbook_url`.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// When it began.
    #[serde(default)]
    pub starts_at: String,
    /// When it ended, if it has.
    #[serde(default)]
    pub ends_at: String,
    /// The same for the same labels.
    #[serde(default)]
    pub fingerprint: String,
}

impl AlertOf {
    /// The label `alertname`.
    pub fn name(&self) -> &str {
        self.label("alertname")
    }

    /// The label `severity`.
    pub fn severity(&self) -> &str {
        self.label("severity")
    }

    /// Whether it fires.
    pub fn is_firing(&self) -> bool {
        self.status == "firing"
    }

    fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// Why a body is no notification.
#[derive(Debug, thiserror::Error)]
pub enum BadNotification {
    /// It is no JSON, or not of that shape.
    #[error("this is no notification of Alertmanager: {0}")]
    Shape(#[from] serde_json::Error),
    /// Another version.
    #[error("version `{0}` of Alertmanager's webhook is not known here; 4 is")]
    Version(String),
    /// A status that there is not.
    #[error("`{0}` is no status of alerts; `firing` and `resolved` are")]
    Status(String),
}

impl Notification {
    /// Reads a request's body.
    pub fn parse(body: &[u8]) -> Result<Self, BadNotification> {
        let notification: Self = serde_json::from_slice(body)?;
        if notification.version != VERSION {
            return Err(BadNotification::Version(cut(&notification.version)));
        }
        let statuses = notification.alerts.iter().map(|alert| &alert.status);
        for status in statuses.chain([&notification.status]) {
            if !matches!(status.as_str(), "firing" | "resolved") {
                return Err(BadNotification::Status(cut(status)));
            }
        }
        Ok(notification)
    }
}

/// What was sent is not sent back at length.
fn cut(text: &str) -> String {
    text.chars().take(20).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn says(body: &str, expected: &str) {
        let error = Notification::parse(body.as_bytes()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn one_message_says_what_is_wrong() {
        says("", "no notification of Alertmanager: EOF");
        says("[]", "no notification of Alertmanager: invalid");
        says(r#"{"version":"4"}"#, "missing field `groupKey`");
        let of = |version: &str, status: &str| {
            format!(
                r#"{{"version":"{version}","groupKey":"g","status":"{status}","alerts":[],"more":1}}"#
            )
        };
        says(&of("3", "firing"), "version `3`");
        says(&of("4", "broken"), "`broken` is no status");
        assert!(Notification::parse(of("4", "firing").as_bytes()).is_ok());
    }
}
