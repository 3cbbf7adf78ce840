//! The query of a link, such as `space={{ $labels.space }}`: Prometheus fills it in when it alerts.

use super::template;
use std::fmt;

/// Why a text cannot be the query of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokenQuery {
    /// Prometheus would not take the template.
    Template(String),
    /// A character that an address cannot have there.
    Character(char),
}

impl fmt::Display for BrokenQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Template(fault) => f.write_str(fault),
            Self::Character(c) => write!(f, "`{c}` cannot stand in the query of an address"),
        }
    }
}

/// Words that begin an action without a value.
const NO_VALUE: [&str; 11] = [
    "if", "else", "end", "range", "with", "define", "block", "template", "break", "continue", "",
];

/// A query whose values are all escaped for an address, whatever characters they have.
///
/// `urlquery` is a function of Go's templates, so every version of Prometheus, Mimir, Thanos and Loki
/// has it; `urlQueryEscape` is in the newest only.
pub fn escaped_query(query: &str) -> Result<String, BrokenQuery> {
    template::check(query).map_err(|fault| BrokenQuery::Template(fault.to_string()))?;
    let mut escaped = String::new();
    let mut rest = query.strip_prefix('?').unwrap_or(query);
    while let Some(start) = rest.find("{{") {
        escaped += literal(&rest[..start])?;
        let inner = &rest[start + 2..];
        let fault = |fault: template::Fault| BrokenQuery::Template(fault.to_string());
        let (action, after) = template::split_action(inner).map_err(fault)?;
        let whole = &rest[start..rest.len() - after.len()];
        match action {
            Some(action) if needs_escape(action).map_err(fault)? => {
                let end = whole.len() - if whole.ends_with(" -}}") { 4 } else { 2 };
                let (head, tail) = whole.split_at(end);
                let tail = if tail.starts_with(' ') { tail } else { " }}" };
                escaped += &format!("{} | urlquery{tail}", head.trim_end());
            }
            _ => escaped += whole,
        }
        rest = after;
    }
    escaped += literal(rest)?;
    Ok(escaped)
}

fn needs_escape(action: &str) -> Result<bool, template::Fault> {
    let words = template::words(action)?;
    let text = |at: usize| words.get(at).map_or("", |word| word.text);
    if NO_VALUE.contains(&text(0)) || words.iter().any(|word| word.text == "=") {
        return Ok(false);
    }
    let last = words.iter().rposition(|word| word.text == "|");
    let function = text(last.map_or(0, |pipe| pipe + 1));
    Ok(!matches!(function, "urlquery" | "urlQueryEscape"))
}

fn literal(text: &str) -> Result<&str, BrokenQuery> {
    let is_bad = |c: char| c.is_whitespace() || c.is_control() || "#\"<>`{}".contains(c);
    match text.chars().find(|c| is_bad(*c)) {
        Some(bad) => Err(BrokenQuery::Character(bad)),
        None => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(query: &str, expected: &str) {
        assert_eq!(escaped_query(query).unwrap(), expected);
        assert_eq!(escaped_query(expected).unwrap(), expected);
    }

    #[test]
    fn values_are_escaped_once() {
        case("a=b&c=d", "a=b&c=d");
        case("?a={{ $labels.a }}", "a={{ $labels.a | urlquery }}");
        case("a={{$labels.a}}", "a={{$labels.a | urlquery }}");
        case("a={{- $labels.a -}}", "a={{- $labels.a | urlquery -}}");
        case(
            "a={{ $labels.a | toUpper }}&b={{ urlquery $labels.b }}",
            "a={{ $labels.a | toUpper | urlquery }}&b={{ urlquery $labels.b }}",
        );
        case(
            "{{ with $labels.a }}a={{ . }}{{ end }}",
            "{{ with $labels.a }}a={{ . | urlquery }}{{ end }}",
        );
        case(
            "{{ $x := $labels.a }}a={{ $x }}",
            "{{ $x := $labels.a }}a={{ $x | urlquery }}",
        );
        case(
            "a={{ printf \"}}%s\" $labels.a }}",
            "a={{ printf \"}}%s\" $labels.a | urlquery }}",
        );
    }

    #[test]
    fn what_no_address_can_have_is_refused() {
        let refused = |query: &str| escaped_query(query).unwrap_err().to_string();
        assert_eq!(
            refused("a=b c"),
            "` ` cannot stand in the query of an address"
        );
        assert_eq!(
            refused("a=#b"),
            "`#` cannot stand in the query of an address"
        );
        assert_eq!(refused("a={{ $labels.a"), "`{{` without `}}`");
        assert_eq!(refused("a={{ $label.a }}"), "nothing sets `$label`");
    }
}
