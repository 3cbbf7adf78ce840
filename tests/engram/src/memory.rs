//! A memory: what clients store and get back.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Numbers in an embedding; any other length is refused.
pub(crate) const EMBEDDING_DIMENSIONS: usize = 768;

/// One stored memory. Its JSON form is the payload of a WAL record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// Chosen by the client, or made by the server. Unique in its space.
    pub(crate) id: String,
    /// The text.
    pub(crate) content: String,
    /// From 0 to 1.
    pub(crate) confidence: f64,
    /// When the server accepted it.
    pub(crate) timestamp: Timestamp,
    /// Free words of the client.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<String>,
    /// `None` if the client gave none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) embedding: Option<Vec<f32>>,
}

impl Memory {
    /// Does the text, or the id, contain all words of a cue? Case does not matter.
    pub(crate) fn matches(&self, cue: &str) -> bool {
        let content = self.content.to_lowercase();
        cue.to_lowercase()
            .split_whitespace()
            .all(|word| content.contains(word) || self.id.to_lowercase() == word)
    }
}
