//! The name of a space, which is also the name of its directory.

use std::fmt;
use std::str::FromStr;

/// 3 to 64 of `a-z`, `0-9`, `_` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SpaceId(String);

/// Why a text is not a space id.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidSpaceId {
    /// There is no text.
    #[error("Memory space identifier is empty")]
    Empty,
    /// Too short or too long.
    #[error("Memory space identifier '{value}' has invalid length {length} (allowed: 3 to 64)")]
    Length {
        /// As given.
        value: String,
        /// In characters.
        length: usize,
    },
    /// Characters that a directory name should not have.
    #[error(
        "Memory space identifier '{value}' contains unsupported characters (allowed: a-z, 0-9, _ and -)"
    )]
    Characters {
        /// As given.
        value: String,
    },
}

impl SpaceId {
    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SpaceId {
    type Err = InvalidSpaceId;

    fn from_str(value: &str) -> Result<Self, Self::Err> {
        let allowed = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-'
        };
        if value.is_empty() {
            return Err(InvalidSpaceId::Empty);
        }
        let length = value.chars().count();
        if !(3..=64).contains(&length) {
            return Err(InvalidSpaceId::Length {
                value: value.to_owned(),
                length,
            });
        }
        if !value.bytes().all(allowed) {
            return Err(InvalidSpaceId::Characters {
                value: value.to_owned(),
            });
        }
        Ok(Self(value.to_owned()))
    }
}

impl fmt::Display for SpaceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_short_lower_case_names_are_ids() {
        for good in ["abc", "tenant_a", "a-1", &"x".repeat(64)] {
            assert!(good.parse::<SpaceId>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "ab",
            "Tenant",
            "a b",
            "../etc",
            "lost+found",
            "äöü",
            &"x".repeat(65),
        ] {
            assert!(bad.parse::<SpaceId>().is_err(), "{bad}");
        }
    }
}
