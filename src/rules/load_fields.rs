//! The values of single fields of a rule file: names, numbers, durations, templates.

use super::super::yaml::{Field, NodeId};
use super::super::{promql, template};
use super::{HELP, LoadCheck};
use crate::finding::did_you_mean;

impl<'a> LoadCheck<'a> {
    /// The fields of a mapping, after a look at its keys; nothing if it is null or no mapping.
    pub(super) fn mapping(
        &mut self,
        id: NodeId,
        what: &str,
        known: &[&str],
    ) -> Option<Vec<Field<'a>>> {
        let tree = self.tree;
        if tree.is_null(id) {
            return Some(Vec::new());
        }
        let Some(pairs) = tree.pairs(id) else {
            self.add(id, format!("{what} is a mapping"), HELP);
            return None;
        };
        for (key, _) in pairs {
            match tree.scalar(*key) {
                Some(_) if tree.is_merge_key(*key) => {}
                Some(name) if known.contains(&name) => {}
                Some(name) => {
                    let title = format!("{what} has no key `{name}`");
                    self.add(*key, title, did_you_mean(name, known));
                }
                None => self.add(*key, format!("a key of {what} is a text"), HELP),
            }
        }
        let fields = tree.fields(id);
        // Keys of a merged mapping are keys of this one.
        for field in &fields {
            let is_own = pairs.iter().any(|(key, _)| *key == field.key);
            if !is_own && !known.contains(&field.name) {
                let title = format!("{what} has no key `{}`", field.name);
                self.add(field.key, title, did_you_mean(field.name, known));
            }
        }
        Some(fields)
    }

    pub(super) fn sequence(&mut self, field: &Field<'a>) -> &'a [NodeId] {
        let tree = self.tree;
        match tree.items(field.value) {
            Some(items) => items,
            None if tree.is_null(field.value) => &[],
            None => {
                let title = format!("`{}` is a sequence", field.name);
                self.add(field.value, title, "begin each item with `- `");
                &[]
            }
        }
    }

    /// The text of a field, unless it is empty or null.
    pub(super) fn text(&self, field: &Field<'_>) -> Option<&'a str> {
        let tree = self.tree;
        tree.scalar(field.value)
            .filter(|text| !text.is_empty() && !tree.is_null(field.value))
    }

    pub(super) fn is_scalar(&mut self, field: &Field<'_>) {
        if self.tree.scalar(field.value).is_none() {
            self.add(field.value, format!("`{}` is a text", field.name), HELP);
        }
    }

    pub(super) fn integer(&mut self, field: &Field<'_>) {
        let is_integer = self
            .text(field)
            .is_none_or(|text| text.replace('_', "").parse::<i64>().is_ok());
        if !is_integer || self.tree.scalar(field.value).is_none() {
            let title = format!("`{}` is a whole number", field.name);
            self.add(field.value, title, "0 means no limit");
        }
    }

    /// What Thanos does when a store does not answer.
    pub(super) fn strategy(&mut self, field: &Field<'_>) {
        let text = self.text(field).unwrap_or_default();
        if !matches!(text.to_lowercase().as_str(), "" | "warn" | "abort") {
            let title = format!("`{text}` is no partial response strategy");
            self.add(field.value, title, "write `warn` or `abort`");
        }
    }

    /// Whether a duration is zero; nothing if there is none.
    pub(super) fn duration(&mut self, field: &Field<'_>) -> Option<bool> {
        if self.tree.is_null(field.value) {
            return None;
        }
        let text = self.tree.scalar(field.value).unwrap_or_default();
        let millis = promql::duration(text);
        if millis.is_none() {
            let title = format!("`{text}` is no duration");
            self.add(field.value, title, "write it like `90s`, `5m` or `1h30m`");
        }
        millis.map(|millis| millis == 0)
    }

    /// The names of labels or annotations.
    pub(super) fn names(&mut self, field: &Field<'a>, what: &str) {
        let tree = self.tree;
        if tree.is_null(field.value) {
            return;
        }
        let Some(pairs) = tree.pairs(field.value) else {
            return self.add(field.value, format!("`{}` is a mapping", field.name), HELP);
        };
        for (key, _) in pairs.iter().filter(|(key, _)| tree.scalar(*key).is_none()) {
            self.add(
                *key,
                format!("the name of a {what} is a text"),
                "put it in quotes",
            );
        }
        for entry in tree.fields(field.value) {
            let is_reserved = what == "label" && entry.name == "__name__";
            if is_reserved || !is_name(entry.name, false) {
                let title = format!("`{}` is no name of {what}s", entry.name);
                let help = "use letters, digits and `_`, and begin with no digit";
                self.add(entry.key, title, help);
            }
            if tree.scalar(entry.value).is_none() {
                let title = format!("the {what} `{}` is a text", entry.name);
                self.add(entry.value, title, "put it in quotes");
            }
        }
    }

    pub(super) fn templates(&mut self, field: &Field<'a>) {
        for entry in self.tree.fields(field.value) {
            let text = self.text(&entry).unwrap_or_default();
            if let Err(fault) = template::check(text) {
                let title = format!("the template of `{}` is broken: {fault}", entry.name);
                self.add(entry.value, title, "correct the part in `{{ }}`");
            }
        }
    }
}

/// Whether it is a name of a label, or of a metric, which may have `:`.
pub(super) fn is_name(name: &str, of_metric: bool) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || (of_metric && c == ':');
    name.chars().all(fits) && name.starts_with(|c: char| !c.is_ascii_digit())
}
