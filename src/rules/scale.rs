//! Files of Prometheus and Alertmanager with all times divided, for a drill that nobody wants to
//! wait hours for: intervals, `for`, and the ranges and offsets of expressions. Every other byte stays.

use super::promql::duration;
use super::yaml::{Kind, NodeId, Tree};
use granit_parser::ScalarStyle;
use std::ops::Range;

/// Keys whose values are times, whoever reads them.
const TIMES: &[&str] = &[
    "evaluation_interval",
    "for",
    "group_interval",
    "group_wait",
    "interval",
    "keep_firing_for",
    "query_offset",
    "repeat_interval",
    "resolve_timeout",
    "rule_query_offset",
    "scrape_interval",
];

/// `text`, a YAML file, with its times divided by `scale`; `Err` in words if it is no YAML.
///
/// A `scrape_timeout` is kept and only bounded by its interval, which it may not exceed: a server
/// that answers in its own time answers no faster in a drill.
pub fn scaled(text: &str, scale: u32) -> Result<String, String> {
    let tree = Tree::parse(text).map_err(|broken| broken.what)?;
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    for pairs in tree.mappings() {
        for (key, value) in pairs {
            let Some(name) = tree.scalar(*key) else {
                continue;
            };
            let bytes = tree.node(*value).span.clone();
            if TIMES.contains(&name) {
                let time = tree.scalar(*value).and_then(duration);
                edits.extend(time.map(|ms| (bytes, words(divided(ms, scale)))));
            } else if name == "scrape_timeout" {
                let time = tree.scalar(*value).and_then(duration);
                let interval = interval(&tree, pairs).map_or(u64::MAX, |ms| divided(ms, scale));
                edits.extend(time.map(|ms| (bytes, words(ms.min(interval)))));
            } else if name == "expr" {
                edits.extend(expression(&tree, *value, text, scale));
            }
        }
    }
    edits.sort_by_key(|(bytes, _)| bytes.start);
    edits.dedup_by_key(|(bytes, _)| bytes.start);
    let mut whole = text.to_owned();
    for (bytes, new) in edits.into_iter().rev() {
        whole.replace_range(bytes, &new);
    }
    Ok(whole)
}

/// The `scrape_interval` beside a `scrape_timeout`.
fn interval(tree: &Tree, pairs: &[(NodeId, NodeId)]) -> Option<u64> {
    let is_interval = |(key, _): &&(NodeId, NodeId)| tree.scalar(*key) == Some("scrape_interval");
    let (_, value) = pairs.iter().find(is_interval)?;
    duration(tree.scalar(*value)?)
}

fn expression(tree: &Tree, id: NodeId, text: &str, scale: u32) -> Vec<(Range<usize>, String)> {
    let node = tree.node(id);
    let Kind::Scalar { value, style } = &node.kind else {
        return Vec::new();
    };
    let bytes = node.span.clone();
    let quoted = matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted);
    let source = if quoted { value } else { &text[bytes.clone()] };
    let found = times(source);
    if found.is_empty() {
        return Vec::new();
    }
    if !quoted {
        let moved = |(at, ms): (Range<usize>, u64)| {
            let place = bytes.start + at.start..bytes.start + at.end;
            (place, words(divided(ms, scale)))
        };
        return found.into_iter().map(moved).collect();
    }
    let mut new = value.clone();
    for (at, ms) in found.into_iter().rev() {
        new.replace_range(at, &words(divided(ms, scale)));
    }
    // What JSON writes in quotes, YAML reads.
    vec![(bytes, serde_json::Value::String(new).to_string())]
}

/// Never 0, which has a meaning of its own.
fn divided(ms: u64, scale: u32) -> u64 {
    match ms {
        0 => 0,
        ms => (ms / u64::from(scale)).max(1),
    }
}

fn words(ms: u64) -> String {
    if ms.is_multiple_of(1000) {
        format!("{}s", ms / 1000)
    } else {
        format!("{ms}ms")
    }
}

/// The ranges, steps and offsets of an expression: each with its bytes and its milliseconds.
/// Numbers that are compared with are none, even if they are written as times.
fn times(expression: &str) -> Vec<(Range<usize>, u64)> {
    let mut found = Vec::new();
    let (mut at, mut in_range, mut after_offset) = (0, false, false);
    while let Some(first) = expression[at..].chars().next() {
        let rest = &expression[at..];
        let length = match first {
            '"' | '\'' | '`' => quoted_length(rest, first),
            '#' => rest.find('\n').unwrap_or(rest.len()),
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let token = &rest[..length];
        match first {
            '[' => in_range = true,
            ']' => in_range = false,
            c if c.is_ascii_digit() && (in_range || after_offset) => {
                found.extend(duration(token).map(|ms| (at..at + length, ms)));
            }
            _ => {}
        }
        let passes = first.is_whitespace() || matches!(first, '-' | '+' | '#');
        after_offset = token.eq_ignore_ascii_case("offset") || (after_offset && passes);
        at += length;
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.')
}

/// The bytes of the text in quotes that `rest` begins with.
fn quoted_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_divided_and_nothing_else_is_touched() {
        let text = "# for: 5m\nglobal: {scrape_interval: 15s, scrape_timeout: 10s}\n\
            groups:\n- name: '5m'\n  interval: 1m\n  rules:\n  - alert: A\n    for: \"5m\"  # five\n\
            \x20   expr: |\n      rate(x{a=\"[5m]\"}[5m]) > 10  # [7m]\n        and x offset -1h < 5\n\
            \x20   labels: {window: 5m}\n  - expr: 'max_over_time(y{b=''z''}[1h:30s] offset 90s) > 1'\n";
        let new = scaled(text, 60).unwrap();
        let expected = text
            .replace("scrape_interval: 15s", "scrape_interval: 250ms")
            .replace("scrape_timeout: 10s", "scrape_timeout: 250ms")
            .replace("interval: 1m", "interval: 1s")
            .replace("for: \"5m\"", "for: 5s")
            .replace("}[5m])", "}[5s])")
            .replace("offset -1h", "offset -60s")
            .replace(
                "'max_over_time(y{b=''z''}[1h:30s] offset 90s) > 1'",
                "\"max_over_time(y{b='z'}[60s:500ms] offset 1500ms) > 1\"",
            );
        assert_eq!(new, expected);
    }

    #[test]
    fn a_timeout_is_kept_where_it_fits_and_nothing_becomes_zero() {
        let text =
            "scrape_interval: 10m\nscrape_timeout: 2s\ngroup_wait: 0s\nrepeat_interval: 10ms\n";
        let new =
            "scrape_interval: 10s\nscrape_timeout: 2s\ngroup_wait: 0s\nrepeat_interval: 1ms\n";
        assert_eq!(scaled(text, 60).unwrap(), new);
        assert!(scaled("a: [", 60).is_err());
    }

    #[test]
    fn of_an_expression_only_ranges_and_offsets_are_times() {
        let seen = |text: &str| -> Vec<u64> { times(text).into_iter().map(|(_, ms)| ms).collect() };
        assert_eq!(seen("rate(x[5m] offset 1h) > 300"), [300_000, 3_600_000]);
        assert_eq!(seen("time() - x > 5m"), [] as [u64; 0]);
        assert_eq!(seen("x5m + offset5m"), [] as [u64; 0]);
        assert_eq!(
            seen("avg_over_time(x[30m:1m] OFFSET - 5m)"),
            [1_800_000, 60_000, 300_000]
        );
        assert_eq!(seen("x{a='\\'[5m]', b=`\\`}[5m]"), [300_000]);
    }
}
