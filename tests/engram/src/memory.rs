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
    #[serde(with = "number")]
    pub(crate) confidence: f64,
    /// When the server accepted it.
    pub(crate) timestamp: Timestamp,
    /// Free words of the client.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<String>,
    /// `None` if the client gave none.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "numbers")]
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

    /// How many numbers of the embedding are infinite, or no number.
    pub(crate) fn nonfinite(&self) -> usize {
        let numbers = self.embedding.iter().flatten();
        numbers.filter(|number| !number.is_finite()).count()
    }

    /// The cosine of the angle between the embedding and another one; `None` without an embedding.
    ///
    /// NaN if either holds an infinite number.
    pub(crate) fn similarity(&self, other: &[f32]) -> Option<f64> {
        let own = self.embedding.as_deref()?;
        let (mut product, mut own_square, mut other_square) = (0.0, 0.0, 0.0);
        for (a, b) in own.iter().zip(other) {
            let (a, b) = (f64::from(*a), f64::from(*b));
            product += a * b;
            own_square += a * a;
            other_square += b * b;
        }
        if own_square == 0.0 || other_square == 0.0 {
            return Some(0.0);
        }
        Some(product / (own_square.sqrt() * other_square.sqrt()))
    }
}

/// A number that need not be finite. JSON has only finite ones, so others are the texts `Infinity`, `-Infinity` and
/// `NaN`.
mod number {
    use std::fmt;

    use serde::de::{Error, Visitor};
    use serde::{Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
    pub(super) fn serialize<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        match text(*number) {
            None => serializer.serialize_f64(*number),
            Some(text) => serializer.serialize_str(text),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        deserializer.deserialize_any(Number)
    }

    pub(super) fn text(number: f64) -> Option<&'static str> {
        match number {
            finite if finite.is_finite() => None,
            f64::INFINITY => Some("Infinity"),
            f64::NEG_INFINITY => Some("-Infinity"),
            _ => Some("NaN"),
        }
    }

    struct Number;

    impl Visitor<'_> for Number {
        type Value = f64;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a number, \"Infinity\", \"-Infinity\" or \"NaN\"")
        }

        fn visit_f64<E: Error>(self, number: f64) -> Result<f64, E> {
            Ok(number)
        }

        #[expect(clippy::cast_precision_loss, reason = "JSON numbers are floats to us")]
        fn visit_i64<E: Error>(self, number: i64) -> Result<f64, E> {
            Ok(number as f64)
        }

        #[expect(clippy::cast_precision_loss, reason = "JSON numbers are floats to us")]
        fn visit_u64<E: Error>(self, number: u64) -> Result<f64, E> {
            Ok(number as f64)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<f64, E> {
            match text {
                "Infinity" => Ok(f64::INFINITY),
                "-Infinity" => Ok(f64::NEG_INFINITY),
                "NaN" => Ok(f64::NAN),
                other => Err(E::custom(format!("\"{other}\" is not a number"))),
            }
        }
    }
}

/// An embedding, in the same form.
mod numbers {
    use serde::ser::SerializeSeq;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde gives such a reference")]
    pub(super) fn serialize<S: Serializer>(
        numbers: &Option<Vec<f32>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let Some(numbers) = numbers else {
            return serializer.serialize_none();
        };
        if numbers.iter().all(|number| number.is_finite()) {
            return numbers.serialize(serializer);
        }
        let mut sequence = serializer.serialize_seq(Some(numbers.len()))?;
        for number in numbers {
            match super::number::text(f64::from(*number)) {
                None => sequence.serialize_element(number)?,
                Some(text) => sequence.serialize_element(text)?,
            }
        }
        sequence.end()
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<f32>>, D::Error> {
        let numbers: Option<Vec<Number>> = Deserialize::deserialize(deserializer)?;
        Ok(numbers.map(|numbers| numbers.into_iter().map(|number| number.0).collect()))
    }

    struct Number(f32);

    impl<'de> Deserialize<'de> for Number {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "embeddings are 32-bit numbers"
        )]
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            super::number::deserialize(deserializer).map(|number| Self(number as f32))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(embedding: &[f32]) -> Memory {
        Memory {
            id: "a".into(),
            content: "c".into(),
            confidence: 0.5,
            timestamp: Timestamp::UNIX_EPOCH,
            tags: Vec::new(),
            embedding: Some(embedding.to_vec()),
        }
    }

    #[test]
    fn every_number_survives_its_json_form() {
        let all = [
            0.1,
            -3.4e38,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::NAN,
            2.0,
        ];
        for numbers in [&all[..], &all[..2], &[]] {
            let json = serde_json::to_string(&memory(numbers)).unwrap();
            let read: Memory = serde_json::from_str(&json).unwrap();
            let bits =
                |numbers: &[f32]| -> Vec<u32> { numbers.iter().map(|n| n.to_bits()).collect() };
            assert_eq!(bits(&read.embedding.unwrap()), bits(numbers), "{json}");
        }
    }

    #[test]
    fn a_log_record_without_these_texts_is_read_as_before() {
        let old = r#"{"id":"a","content":"c","confidence":1,"timestamp":"2026-01-01T00:00:00Z","embedding":[1,0.5,-2e-3]}"#;
        let read: Memory = serde_json::from_str(old).unwrap();
        assert_eq!(
            (read.confidence, read.embedding),
            (1.0, Some(vec![1.0, 0.5, -0.002]))
        );
        let old = r#"{"id":"a","content":"c","confidence":0.5,"timestamp":"2026-01-01T00:00:00Z"}"#;
        assert_eq!(serde_json::from_str::<Memory>(old).unwrap().embedding, None);
    }

    #[test]
    fn similarity_is_nan_as_soon_as_one_number_is_not_finite() {
        let close = memory(&[1.0, 1.0]).similarity(&[1.0, 1.0]).unwrap();
        assert!((close - 1.0).abs() < 1e-12);
        assert_eq!(memory(&[1.0, 0.0]).similarity(&[0.0, 1.0]), Some(0.0));
        assert!(
            memory(&[f32::INFINITY, 0.0])
                .similarity(&[0.0, 1.0])
                .unwrap()
                .is_nan()
        );
        assert!(
            memory(&[f32::INFINITY, 0.0])
                .similarity(&[1.0, 1.0])
                .unwrap()
                .is_nan()
        );
    }
}
