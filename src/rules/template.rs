//! Would Prometheus accept the template of a label or annotation? It parses all when it loads.
//!
//! Only what breaks the parse is found: actions, blocks, variables and functions, not their types.

use std::collections::BTreeSet;
use std::fmt;

/// What breaks a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// `{{` without `}}`.
    Unclosed,
    /// `{{ }}`.
    Empty,
    /// A quote in an action without its end.
    OpenQuote,
    /// Brackets in an action that do not pair.
    Brackets,
    /// A character that no action may have.
    Stray(char),
    /// `if`, `range` or `with` without `end`.
    NoEnd,
    /// `end` or `else` without a block.
    NoBlock(String),
    /// A variable that nothing sets.
    Variable(String),
    /// A function that Prometheus has not.
    Function(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unclosed => f.write_str("`{{` without `}}`"),
            Self::Empty => f.write_str("nothing in `{{ }}`"),
            Self::OpenQuote => f.write_str("a quote in `{{ }}` is never closed"),
            Self::Brackets => f.write_str("brackets in `{{ }}` do not pair"),
            Self::Stray(c) => write!(f, "`{c}` cannot stand in `{{{{ }}}}`"),
            Self::NoEnd => f.write_str("a block without `{{ end }}`"),
            Self::NoBlock(word) => write!(f, "`{{{{ {word} }}}}` without a block"),
            Self::Variable(name) => write!(f, "nothing sets `{name}`"),
            Self::Function(name) => write!(f, "there is no function `{name}`"),
        }
    }
}

const FUNCTIONS: &str = "and args call eq externalURL first ge graphLink gt html \
     humanize humanize1024 humanizeDuration humanizePercentage humanizeTimestamp index js label le \
     len lt match ne not or parseDuration pathPrefix print printf println query reReplaceAll \
     safeHtml slice sortByLabel stripDomain stripPort strvalue tableLink title toDuration toLower \
     toTime toUpper urlquery value now urlQueryEscape";
const KEYWORDS: &str = "if else end range with template define block break continue true false nil";
const VARIABLES: [&str; 5] = ["$", "$labels", "$value", "$externalLabels", "$externalURL"];

/// Judges one template.
pub(super) fn check(text: &str) -> Result<(), Fault> {
    let mut variables: BTreeSet<String> = VARIABLES.map(str::to_owned).into();
    let mut n_open = 0_usize;
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let (action, after) = split_action(&rest[start + 2..])?;
        rest = after;
        let Some(action) = action else { continue };
        let words = words(action)?;
        let first = words.first().map(|word| word.text).unwrap_or_default();
        match first {
            "if" | "range" | "with" | "define" | "block" => n_open += 1,
            "end" if n_open > 0 => n_open -= 1,
            "end" => return Err(Fault::NoBlock(first.to_owned())),
            "else" if n_open == 0 => return Err(Fault::NoBlock(first.to_owned())),
            "" => return Err(Fault::Empty),
            _ => {}
        }
        names(action, &words, &mut variables)?;
    }
    if n_open > 0 {
        return Err(Fault::NoEnd);
    }
    Ok(())
}

/// The text of an action, nothing for a comment, and what follows its `}}`.
pub(super) fn split_action(text: &str) -> Result<(Option<&str>, &str), Fault> {
    let trimmed = text.strip_prefix("- ").unwrap_or(text);
    if let Some(comment) = trimmed.trim_start().strip_prefix("/*") {
        let (_, after) = comment.split_once("*/").ok_or(Fault::Unclosed)?;
        let (_, after) = after.split_once("}}").ok_or(Fault::Unclosed)?;
        return Ok((None, after));
    }
    let mut at = 0;
    while let Some(next) = trimmed[at..].chars().next() {
        if trimmed[at..].starts_with("}}") {
            let action = &trimmed[..at];
            let action = action.strip_suffix(" -").unwrap_or(action);
            return Ok((Some(action), &trimmed[at + 2..]));
        }
        at += match next {
            '"' | '`' | '\'' => quoted_length(&trimmed[at..]).ok_or(Fault::OpenQuote)?,
            _ => next.len_utf8(),
        };
    }
    Err(Fault::Unclosed)
}

/// The bytes of a text in quotes, with them.
fn quoted_length(text: &str) -> Option<usize> {
    let quote = text.chars().next()?;
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if quote != '`' => is_escaped = true,
            '\n' if quote != '`' => return None,
            c if c == quote => return Some(at + c.len_utf8()),
            _ => {}
        }
    }
    None
}

/// A word of an action: a name, a number, a variable, a field, or one other character.
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    start: usize,
}

pub(super) fn words(action: &str) -> Result<Vec<Word<'_>>, Fault> {
    let (mut words, mut at, mut depth) = (Vec::new(), 0, 0_usize);
    while let Some(next) = action[at..].chars().next() {
        let rest = &action[at..];
        let length = match next {
            '"' | '`' | '\'' => quoted_length(rest).ok_or(Fault::OpenQuote)?,
            c if is_of_word(c) => rest.find(|c| !is_of_word(c)).unwrap_or(rest.len()),
            c if c.is_whitespace() || "(),:=|+-".contains(c) => c.len_utf8(),
            c => return Err(Fault::Stray(c)),
        };
        match next {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1).ok_or(Fault::Brackets)?,
            _ => {}
        }
        if !next.is_whitespace() {
            let text = &rest[..length];
            words.push(Word { text, start: at });
        }
        at += length;
    }
    if depth > 0 {
        return Err(Fault::Brackets);
    }
    Ok(words)
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '$')
}

/// Every variable is set, and every function exists.
fn names(action: &str, words: &[Word<'_>], set: &mut BTreeSet<String>) -> Result<(), Fault> {
    // `$a, $b := …` sets what stands before it.
    let declaration = action.find(":=");
    for word in words {
        let name = word.text.split('.').next().unwrap_or_default();
        let first = name.chars().next().unwrap_or(' ');
        if first == '$' {
            if declaration.is_some_and(|at| word.start < at) {
                set.insert(name.to_owned());
            } else if !set.contains(name) {
                return Err(Fault::Variable(name.to_owned()));
            }
        } else if first.is_alphabetic() || first == '_' {
            let is_known = [FUNCTIONS, KEYWORDS]
                .iter()
                .any(|known| known.split_whitespace().any(|known| known == name));
            if !is_known {
                return Err(Fault::Function(name.to_owned()));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(text: &str, expected: Option<&Fault>) {
        assert_eq!(check(text).err().as_ref(), expected, "{text}");
    }

    #[test]
    fn templates() {
        case("plain }} text", None);
        case("{{ $labels.instance }} {{ $value | humanize }}", None);
        case("{{- if gt $value 1.5 -}}a{{ else }}b{{ end }}", None);
        case(
            "{{ range $i, $x := query \"up\" }}{{ $x.Value }}{{ end }}",
            None,
        );
        case(
            "{{ with printf \"}}%s\" .Labels.x | query }}{{ . | first | value }}{{ end }}",
            None,
        );
        case("{{/* {{ */}}{{ \"{{\" }}", None);
        case("{{ $labels.instance }", Some(&Fault::Unclosed));
        case("{{ }}", Some(&Fault::Empty));
        case("{{ \"a }}", Some(&Fault::OpenQuote));
        case("{{ (len $labels }}", Some(&Fault::Brackets));
        case("{{ $value # 1 }}", Some(&Fault::Stray('#')));
        case("{{ if $value }}", Some(&Fault::NoEnd));
        case("{{ end }}", Some(&Fault::NoBlock("end".to_owned())));
        case(
            "{{ $label.x }}",
            Some(&Fault::Variable("$label".to_owned())),
        );
        case(
            "{{ humanise $value }}",
            Some(&Fault::Function("humanise".to_owned())),
        );
    }
}
