//! The words of `PromQL`: names, texts, numbers and durations.

use super::{Fault, duration, types};

/// An expression, and how far it has been read.
pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    /// How many brackets are open.
    pub(super) depth: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn fault<T>(&self, what: impl Into<String>) -> Result<T, Fault> {
        fault_at(self.at, what)
    }

    /// Passes white space and comments.
    pub(super) fn space(&mut self) {
        loop {
            let rest = self.rest().trim_start();
            self.at = self.text.len() - rest.len();
            if !rest.starts_with('#') {
                return;
            }
            self.at += rest.find('\n').unwrap_or(rest.len());
        }
    }

    pub(super) fn take(&mut self, token: &str) -> bool {
        self.space();
        let is_there = self.rest().starts_with(token);
        if is_there {
            self.at += token.len();
        }
        is_there
    }

    pub(super) fn expect(&mut self, token: &str) -> Result<(), Fault> {
        if self.take(token) {
            return Ok(());
        }
        match self.rest().chars().next() {
            None => self.fault(format!("it ends where `{token}` should be")),
            Some(next) => self.fault(format!("`{next}` where `{token}` should be")),
        }
    }

    /// The word that comes next, which may be empty; a metric's may have colons.
    pub(super) fn peek_word(&mut self, colons: bool) -> &'a str {
        self.space();
        let rest = self.rest();
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':');
        if rest.starts_with(|c: char| c.is_ascii_digit()) {
            return "";
        }
        &rest[..rest.find(|c| !fits(c)).unwrap_or(rest.len())]
    }

    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let is_there = self.peek_word(false).eq_ignore_ascii_case(word);
        if is_there {
            self.at += word.len();
        }
        is_there
    }

    /// Takes the word if a `(` comes behind it.
    pub(super) fn take_word_before_bracket(&mut self, word: &str) -> bool {
        let next = self.peek_word(false);
        let behind = self.rest()[next.len()..].trim_start();
        next.eq_ignore_ascii_case(word) && behind.starts_with('(') && self.take_word(word)
    }

    pub(super) fn is_text_next(&mut self) -> bool {
        self.space();
        self.rest().starts_with(['"', '\'', '`'])
    }

    /// A text in quotes, without them, escapes as written.
    pub(super) fn quoted(&mut self) -> Result<&'a str, Fault> {
        let start = self.at;
        let rest = self.rest();
        let quote = rest.chars().next().unwrap_or('"');
        let Some(end) = closing_quote(rest, quote) else {
            return fault_at(start, format!("this {quote} is never closed"));
        };
        self.at += end + 1;
        let inside = &rest[1..end];
        if quote != '`' && !types::are_escapes_known(inside) {
            return fault_at(start, "an unknown escape: write `\\\\` for a backslash");
        }
        Ok(inside)
    }

    pub(super) fn number(&mut self) -> Result<(), Fault> {
        let rest = self.rest();
        let fits = |(at, c): &(usize, char)| {
            let is_exponent = rest[..*at].ends_with(['e', 'E']) && !rest.starts_with("0x");
            c.is_ascii_alphanumeric()
                || matches!(c, '.' | '_')
                || (matches!(c, '+' | '-') && is_exponent)
        };
        let length = rest.char_indices().take_while(fits).count();
        let word = &rest[..length];
        let digits = word.replace('_', "");
        let hexadecimal = digits.strip_prefix("0x").or(digits.strip_prefix("0X"));
        let is_number = match hexadecimal {
            Some(digits) => u64::from_str_radix(digits, 16).is_ok(),
            None => digits.parse::<f64>().is_ok() || duration(&digits).is_some(),
        };
        if !is_number {
            return self.fault(format!("`{word}` is no number"));
        }
        self.at += length;
        Ok(())
    }

    pub(super) fn duration(&mut self) -> Result<(), Fault> {
        self.space();
        let rest = self.rest();
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.');
        let word = &rest[..length.unwrap_or(rest.len())];
        // Prometheus 3 takes a bare number for seconds.
        let is_duration = match word.parse::<f64>() {
            Ok(seconds) => seconds > 0.0,
            Err(_) => duration(word).is_some(),
        };
        if !is_duration {
            return self.fault(format!("`{word}` is no duration"));
        }
        self.at += word.len();
        Ok(())
    }
}

/// A fault at a byte of the expression.
pub(super) fn fault_at<T>(at: usize, what: impl Into<String>) -> Result<T, Fault> {
    Err(Fault {
        what: what.into(),
        at,
        help: None,
    })
}

fn closing_quote(text: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if quote != '`' => is_escaped = true,
            '\n' if quote != '`' => return None,
            c if c == quote => return Some(at),
            _ => {}
        }
    }
    None
}
