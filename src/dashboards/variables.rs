//! Grafana's variables in a query: put away before it is parsed.

use crate::metrics::PLACEHOLDER;
use std::collections::BTreeSet;

/// The query with something of the right kind in the place of each variable, and the variables that
/// `declared` lacks. In a text they stay: `$` may be the end of a pattern there.
pub fn without_variables(query: &str, declared: &BTreeSet<String>) -> (String, Vec<String>) {
    let mut result = String::with_capacity(query.len());
    let mut unknown = Vec::new();
    let mut quote = None;
    let mut in_range = false;
    let mut rest = query;
    while let Some(c) = rest.chars().next() {
        let variable = (c == '$').then(|| variable(rest)).flatten();
        if let Some((name, is_braced, len)) = variable {
            let built_in = name.starts_with("__") || name.contains('.');
            let is_known = built_in || declared.contains(name);
            if !is_known && (quote.is_none() || is_braced) {
                unknown.push(name.to_owned());
            }
            let before = result.trim_end();
            let stands_for_time =
                in_range || before.ends_with("offset") || before.ends_with("offset -");
            match quote {
                Some(_) => result.push_str(&rest[..len]),
                None if stands_for_time => result.push_str("5m"),
                None if name.starts_with("__") => result.push('1'),
                None => {
                    result.push_str(PLACEHOLDER);
                    result.push_str(name);
                }
            }
            rest = &rest[len..];
            continue;
        }
        match (quote, c) {
            (Some('"' | '\''), '\\') => {
                result.push(c);
                rest = &rest[1..];
                let Some(next) = rest.chars().next() else {
                    break;
                };
                result.push(next);
                rest = &rest[next.len_utf8()..];
                continue;
            }
            (Some(open), c) if open == c => quote = None,
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '[') => in_range = true,
            (None, ']') => in_range = false,
            _ => {}
        }
        result.push(c);
        rest = &rest[c.len_utf8()..];
    }
    (result, unknown)
}

/// The variable at the start of `text`: its name, whether it stands in braces, and its length.
fn variable(text: &str) -> Option<(&str, bool, usize)> {
    let rest = text.strip_prefix('$')?;
    if let Some(inside) = rest.strip_prefix('{') {
        let end = inside.find('}')?;
        let name = inside[..end].split(':').next().unwrap_or_default();
        return Some((name, true, end + 3));
    }
    let end = rest
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(rest.len());
    (end > 0).then(|| (&rest[..end], false, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variable_becomes_what_it_stands_for() {
        let declared = BTreeSet::from(["space".to_owned(), "metric".to_owned(), "span".to_owned()]);
        for (query, expected) in [
            (
                "rate(a{x=~\"$space\", y=\"${space:regex}\"}[$__rate_interval])",
                "rate(a{x=~\"$space\", y=\"${space:regex}\"}[5m])",
            ),
            ("a offset $span", "a offset 5m"),
            ("a[${span}:$span]", "a[5m:5m]"),
            (
                "increase(${metric}_total[5m]) / $__range_s",
                "increase(__variable_metric_total[5m]) / 1",
            ),
            ("a{x=~\"b$\", y=\"\\\"$c\"}", "a{x=~\"b$\", y=\"\\\"$c\"}"),
            ("é $", "é $"),
        ] {
            assert_eq!(
                without_variables(query, &declared),
                (expected.to_owned(), vec![]),
                "{query}"
            );
        }
    }

    #[test]
    fn a_variable_that_nobody_declares_is_named() {
        let none = BTreeSet::new();
        let (_, unknown) = without_variables("a{x=\"${y}\", z=\"end$\"}[$w] \\", &none);
        assert_eq!(unknown, ["y", "w"]);
    }
}
