//! The token that clients must show, compared in constant time.

use std::io;
use std::path::Path;

/// A bearer token. Only its hash is kept: hashes of equal length are compared in constant time, and
/// a dump of this program does not hold the token.
#[derive(Debug, Clone)]
pub struct Token(blake3::Hash);

impl Token {
    /// The text of a file, without blanks around it.
    pub fn read(path: &Path) -> io::Result<Self> {
        let text = std::fs::read_to_string(path)?;
        let token = text.trim();
        let is_usable = token.bytes().all(|byte| byte.is_ascii_graphic());
        if token.len() < 16 || !is_usable {
            return Err(io::Error::other(
                "a token is one word of at least 16 printable characters, such as `openssl rand -hex 32` makes",
            ));
        }
        Ok(Self(blake3::hash(token.as_bytes())))
    }

    /// Whether the value of an `Authorization` header shows it.
    pub(super) fn is_shown_by(&self, header: &[u8]) -> bool {
        let Some((scheme, token)) = header.split_at_checked(7) else {
            return false;
        };
        // blake3 compares hashes in constant time.
        scheme.eq_ignore_ascii_case(b"bearer ") && blake3::hash(token.trim_ascii()) == self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_counts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "0123456789abcdef\n").unwrap();
        let token = Token::read(&path).unwrap();
        assert!(token.is_shown_by(b"Bearer 0123456789abcdef"));
        assert!(token.is_shown_by(b"bearer 0123456789abcdef"));
        for other in [
            "",
            "Bearer ",
            "Bearer 0123456789abcde",
            "Basic 0123456789abcdef",
        ] {
            assert!(!token.is_shown_by(other.as_bytes()), "{other}");
        }
        for weak in ["", "short", "with a blank in it, and long"] {
            std::fs::write(&path, weak).unwrap();
            assert!(Token::read(&path).is_err(), "{weak}");
        }
    }
}
