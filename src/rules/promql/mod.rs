//! Is it `PromQL`? Syntax and types as Prometheus checks them when it loads a rule.
//!
//! Nothing is evaluated and no tree is kept. Regular expressions are not judged. Functions of
//! Prometheus 3 are known too, so a file for an old server may pass here and fail there.

mod parse;
mod scan;
mod types;

use scan::Parser;

/// What is wrong with an expression, and at which byte of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// What is wrong.
    pub(super) what: String,
    /// The byte of the expression.
    pub(super) at: usize,
    /// What was probably meant.
    pub(super) help: Option<String>,
}

/// Judges one expression.
pub(super) fn check(text: &str) -> Result<(), Fault> {
    let mut parser = Parser {
        text,
        at: 0,
        depth: 0,
    };
    parser.expression(0)?;
    parser.space();
    match parser.rest().chars().next() {
        None => Ok(()),
        Some(next) => parser.fault(format!("`{next}` where an operator or the end should be")),
    }
}

const UNITS: [(&str, u64); 7] = [
    ("y", 31_536_000_000),
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// The milliseconds of a Prometheus duration, such as `1h30m`; `0` needs no unit.
pub(super) fn duration(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let (mut rest, mut millis, mut last) = (text, 0_u64, 0);
    while !rest.is_empty() {
        let n_digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..n_digits].parse().ok()?;
        rest = &rest[n_digits..];
        let n_letters = rest.find(|c: char| !c.is_ascii_alphabetic());
        let (unit, after) = rest.split_at(n_letters.unwrap_or(rest.len()));
        let position = UNITS.iter().position(|(name, _)| *name == unit)?;
        // Units go from large to small, each at most once.
        if position < last {
            return None;
        }
        last = position + 1;
        rest = after;
        millis = number.checked_mul(UNITS[position].1)?.checked_add(millis)?;
    }
    // Go counts nanoseconds in 63 bits.
    (!text.is_empty() && millis < (1 << 63) / 1_000_000).then_some(millis)
}

#[cfg(test)]
pub(in crate::rules) mod tests;
