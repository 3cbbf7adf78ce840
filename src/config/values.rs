//! `[preprocessor.runbook.values.NAME]`: what a reader may put into the blocks of the site.

use crate::finding::Finding;
use crate::source::{Place, SourceFile};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A value of the reader's own system, such as a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// Its name: lower-case letters, digits and `-`.
    pub name: String,
    /// What the form calls it.
    pub label: String,
    /// What stands in the blocks; shown in the form where nothing is filled in.
    pub default: String,
    /// Texts before and after the default where it stands for the value.
    pub texts: Vec<(String, String)>,
    /// The shell variable that holds it.
    pub variable: Option<String>,
    /// Its key in the query of an address.
    pub query: String,
    /// Programs that take it as an argument and never as code.
    pub programs: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct Raw {
    label: Option<String>,
    default: Option<String>,
    text: Vec<String>,
    variable: Option<String>,
    query: Option<String>,
    programs: Vec<String>,
}

pub(super) fn read(
    file: &Arc<SourceFile>,
    raw: BTreeMap<String, Raw>,
) -> Result<Vec<Value>, Finding> {
    raw.into_iter()
        .map(|(name, raw)| value(&name, raw).map_err(|wrong| wrong.at(file, &name)))
        .collect()
}

/// What is wrong with a value, and what to do.
struct Wrong(String, &'static str);

impl Wrong {
    fn at(self, file: &Arc<SourceFile>, name: &str) -> Finding {
        let table = format!("[preprocessor.runbook.values.{name}]");
        let at = file.text().find(&table);
        let span = at.map_or(0..0, |at| at..at + table.len());
        Finding::error("config", Place::new(file, span), self.0).help(self.1)
    }
}

fn value(name: &str, raw: Raw) -> Result<Value, Wrong> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || !name.chars().all(is_name) {
        let title = format!("`{name}` is no name of a value");
        return Err(Wrong(title, "use lower-case letters, digits and `-`"));
    }
    let default = raw.default.unwrap_or_default();
    if raw.text.is_empty() && raw.variable.is_none() {
        let title = format!("nothing stands for the value `{name}`");
        let help =
            "add `text`, such as `[\"localhost:{}\"]`, or `variable`, the name of a shell variable";
        return Err(Wrong(title, help));
    }
    if !raw.text.is_empty() && (default.is_empty() || default.contains(char::is_whitespace)) {
        let title = format!("the value `{name}` has `text` but no `default` of one word");
        return Err(Wrong(title, "`default` is what stands in the blocks now"));
    }
    let split = |text: &String| match text.split_once("{}") {
        Some((before, after)) if !after.contains("{}") => Ok((before.to_owned(), after.to_owned())),
        _ => Err(Wrong(
            format!("`{text}` does not say where the value `{name}` stands"),
            "write `{}` in its place, once",
        )),
    };
    let texts = raw.text.iter().map(split).collect::<Result<_, _>>()?;
    if let Some(variable) = &raw.variable
        && !is_variable(variable)
    {
        let title = format!("`{variable}` is no name of a shell variable");
        return Err(Wrong(title, "use letters, digits and `_`"));
    }
    Ok(Value {
        label: raw.label.unwrap_or_else(|| name.to_owned()),
        default,
        texts,
        variable: raw.variable,
        query: raw.query.unwrap_or_else(|| name.to_owned()),
        programs: raw.programs,
        name: name.to_owned(),
    })
}

fn is_variable(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c.is_ascii_digit())
}
