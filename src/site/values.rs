//! The reader's own values in the blocks: where they go, how they are quoted there, and the form.
//!
//! Blocks are marked up here, and filled in by a script of the site. A value of letters, digits and
//! `. _ : @ + -` means nothing to any shell, however often it is read, and fits everywhere. Any
//! other one is quoted, and only where it is certain that it is an argument of a program that never
//! takes it for code.

use super::template::fill;
use crate::config::Value;
use crate::page::{Page, Role};
use crate::shell::{self, Quotes, Script};
use serde::Serialize;
use std::ops::Range;

/// Programs that take their arguments as data: they hand them to no shell, and print none of them.
/// Not `test`, which looks into the brackets of `-v 'a[…]'`, and not `echo`, which may write into a shell.
const DATA_PROGRAMS: &[&str] = &[
    "cat", "cd", "chmod", "chown", "cp", "curl", "grpcurl", "mkdir", "mv", "rm", "rmdir", "touch",
    "wget",
];

/// A place of a value in a script.
#[derive(Debug, PartialEq, Eq)]
struct Place<'a> {
    value: &'a Value,
    span: Range<usize>,
    /// `None`: only what means nothing to a shell may stand here.
    quotes: Option<Quotes>,
}

/// A variable that a script uses.
struct Use<'a> {
    value: &'a Value,
    variable: &'a str,
    /// Whether each expansion is an argument in double quotes.
    is_quoted: bool,
}

#[derive(Serialize)]
struct Form<'a> {
    fields: Vec<Field<'a>>,
}

#[derive(Serialize)]
struct Field<'a> {
    name: &'a str,
    label: &'a str,
    default: &'a str,
    query: &'a str,
}

/// The form for the values that stand in `scripts`; empty where there are none.
pub(super) fn form(values: &[Value], scripts: &[&str]) -> String {
    let is_used = |value: &&Value| {
        let value = std::slice::from_ref(*value);
        scripts
            .iter()
            .any(|text| !attributes(value, text).is_empty())
    };
    let fields: Vec<_> = values
        .iter()
        .filter(is_used)
        .map(|value| Field {
            name: &value.name,
            label: &value.label,
            default: &value.default,
            query: &value.query,
        })
        .collect();
    if fields.is_empty() {
        String::new()
    } else {
        fill("values.html", &Form { fields })
    }
}

/// Whether readers get their values into the blocks of this role: a drill is for test instances.
pub(super) fn are_filled(role: Option<Role>) -> bool {
    role != Some(Role::Drill)
}

/// The texts of the page that get values.
pub(super) fn scripts(page: &Page) -> Vec<&str> {
    page.executed()
        .chain(&page.waived)
        .filter(|step| are_filled(step.role))
        .map(|step| step.code.as_str())
        .collect()
}

/// The attributes of the block with this text, each with a blank before it.
///
/// `data-fill`: `name:from:to:quotes` for each place, in UTF-16 units; `data-export`:
/// `name:variable:quotes` for each variable.
pub(super) fn attributes(values: &[Value], text: &str) -> String {
    let script = shell::read(text);
    let mut html = String::new();
    let places: Vec<String> = places(values, text, script.as_ref())
        .iter()
        .map(|place| {
            let units = |at: usize| text[..at].encode_utf16().count();
            format!(
                "{}:{}:{}:{}",
                place.value.name,
                units(place.span.start),
                units(place.span.end),
                match place.quotes {
                    None => "plain",
                    Some(Quotes::Open) => "open",
                    Some(Quotes::Double) => "double",
                    Some(Quotes::Single) => "single",
                }
            )
        })
        .collect();
    if !places.is_empty() {
        html.push_str(&format!(" data-fill=\"{}\"", places.join(" ")));
    }
    let exports: Vec<String> = uses(values, text, script.as_ref())
        .iter()
        .map(|it| {
            let quotes = if it.is_quoted { "open" } else { "plain" };
            format!("{}:{}:{quotes}", it.value.name, it.variable)
        })
        .collect();
    if !exports.is_empty() {
        html.push_str(&format!(" data-export=\"{}\"", exports.join(" ")));
    }
    html
}

fn places<'a>(values: &'a [Value], text: &str, script: Option<&Script>) -> Vec<Place<'a>> {
    let mut found: Vec<Place<'a>> = Vec::new();
    for value in values {
        for (before, after) in &value.texts {
            let whole = format!("{before}{}{after}", value.default);
            for (at, _) in text.match_indices(&whole) {
                if !stands_alone(text, at..at + whole.len()) {
                    continue;
                }
                let span = at + before.len()..at + before.len() + value.default.len();
                let quotes = script.and_then(|script| quotes(script, &span, value));
                found.push(Place {
                    value,
                    span,
                    quotes,
                });
            }
        }
    }
    found.sort_by_key(|place| (place.span.start, place.span.end));
    found.dedup_by(|next, kept| next.span.start < kept.span.end);
    found
}

/// Neither the beginning nor the end is in the middle of a longer name.
fn stands_alone(text: &str, span: Range<usize>) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let meet = |a: Option<char>, b: Option<char>| a.is_some_and(is_name) && b.is_some_and(is_name);
    let own = &text[span.clone()];
    !meet(text[..span.start].chars().next_back(), own.chars().next())
        && !meet(own.chars().next_back(), text[span.end..].chars().next())
}

fn quotes(script: &Script, span: &Range<usize>, value: &Value) -> Option<Quotes> {
    let part = script
        .parts
        .iter()
        .find(|part| part.span.start <= span.start && span.end <= part.span.end)?;
    takes_data(script, part.command, value).then_some(part.quotes)
}

fn takes_data(script: &Script, command: usize, value: &Value) -> bool {
    script.programs[command].as_ref().is_some_and(|program| {
        DATA_PROGRAMS.contains(&program.as_str()) || value.programs.contains(program)
    })
}

fn uses<'a>(values: &'a [Value], text: &str, script: Option<&Script>) -> Vec<Use<'a>> {
    let of_value = |value: &'a Value| {
        let variable = value.variable.as_deref()?;
        let n_written = n_written(text, variable);
        let is_quoted = script.is_some_and(|script| {
            let own = script.expansions.iter().filter(|it| it.name == variable);
            let n_sure = own
                .filter(|it| it.quotes == Quotes::Double && takes_data(script, it.command, value));
            n_sure.count() == n_written
        });
        (n_written > 0).then_some(Use {
            value,
            variable,
            is_quoted,
        })
    };
    values.iter().filter_map(of_value).collect()
}

/// How often the variable is written, in whichever quotes.
fn n_written(text: &str, variable: &str) -> usize {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_use = |(at, _): &(usize, &str)| {
        let before = &text[..*at];
        let after = &text[at + variable.len()..];
        before.ends_with(['$', '{', '!', '#']) && !after.starts_with(is_name)
    };
    text.match_indices(variable).filter(is_use).count()
}

#[cfg(test)]
#[path = "values_tests.rs"]
mod tests;
