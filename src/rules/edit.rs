//! Writes `annotations.runbook_url` into a rule file, and not one other byte.
//!
//! Text is spliced at places that the parser gave, then read again: what is not provably the
//! intended change is refused.

use super::proof::{apply, proven};
use super::yaml::{Kind, NodeId, Tree};
use super::{Alert, FileEdit, FirstChange, RuleFile};
use crate::finding::Finding;
use crate::source::Place;
use granit_parser::ScalarStyle;
use std::ops::Range;

/// A link that a rule should get.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) alert: &'a Alert,
    pub(super) url: &'a str,
}

/// Bytes to be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Splice {
    pub(super) span: Range<usize>,
    pub(super) text: String,
}

/// Why a rule cannot be edited here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Refusal(&'static str);

/// A rule's change, planned.
#[derive(Debug, Clone)]
pub(super) struct Planned<'a> {
    pub(super) wanted: Wanted<'a>,
    pub(super) splice: Splice,
}

const UNPROVEN: Refusal = Refusal("the change would alter more than this link");

/// The new text of a file, and one finding `rule-file-not-editable` for each rule left out.
pub(super) fn edit(file: &RuleFile, wanted: &[Wanted<'_>]) -> (Option<FileEdit>, Vec<Finding>) {
    let mut planned = Vec::new();
    let mut findings = Vec::new();
    for one in wanted {
        match (Locator { file }).splice(one) {
            Ok(splice) => planned.push(Planned {
                wanted: *one,
                splice,
            }),
            Err(refusal) => findings.push(refusal.finding(one.alert)),
        }
    }
    let mut refused = Vec::new();
    let kept = proven(file, planned, &mut refused);
    findings.extend(refused.iter().map(|one| UNPROVEN.finding(one.alert)));
    let Some(first) = kept.first() else {
        return (None, findings);
    };
    let edit = FileEdit {
        file: file.file.clone(),
        new_text: apply(file.file.text(), &kept),
        n_changed: kept.len(),
        first: FirstChange {
            alert: first.wanted.alert.name.clone(),
            place: place_of(first.wanted.alert),
        },
    };
    (Some(edit), findings)
}

fn place_of(alert: &Alert) -> Place {
    match &alert.runbook_url {
        Some(old) => old.place.clone(),
        None => alert.place.clone(),
    }
}

impl Refusal {
    fn finding(self, alert: &Alert) -> Finding {
        let title = format!("cannot write the `runbook_url` of `{}`", alert.name);
        Finding::error("rule-file-not-editable", alert.place.clone(), title)
            .note(self.0)
            .help("write the annotation by hand, or write this rule out in full")
    }
}

/// Finds the bytes to change for one rule.
struct Locator<'a> {
    file: &'a RuleFile,
}

impl Locator<'_> {
    fn text(&self) -> &str {
        self.file.file.text()
    }

    fn tree(&self) -> &Tree {
        &self.file.tree
    }

    fn splice(&self, wanted: &Wanted<'_>) -> Result<Splice, Refusal> {
        let rule = wanted.alert.rule;
        let value = quoted(wanted.url)?;
        if wanted.alert.is_shared {
            return Err(Refusal("this rule is shared by a YAML anchor or alias"));
        }
        let Some((key, annotations)) = self.tree().own(rule, "annotations") else {
            return self.create(rule, &value);
        };
        let node = self.tree().node(annotations);
        match &node.kind {
            Kind::Alias { .. } => Err(Refusal("its `annotations` are a YAML alias")),
            _ if node.anchored => Err(Refusal("its `annotations` have a YAML anchor")),
            Kind::Scalar { .. } => self.fill(rule, key, annotations, &value),
            Kind::Sequence { .. } => Err(Refusal("its `annotations` are no mapping")),
            Kind::Mapping { pairs, .. } => {
                if self.has_merge_key(annotations) {
                    return Err(Refusal("its `annotations` have a merge key"));
                }
                match (self.tree().own(annotations, "runbook_url"), pairs.first()) {
                    (Some((key, old)), _) => self.replace(key, old, &value),
                    (None, Some((first, _))) => self.insert(annotations, *first, &value),
                    (None, None) => {
                        let at = node.span.start + 1;
                        Ok(insertion(at, format!("runbook_url: {value}")))
                    }
                }
            }
        }
    }

    fn has_merge_key(&self, mapping: NodeId) -> bool {
        let pairs = self.tree().pairs(mapping).unwrap_or_default();
        pairs.iter().any(|(key, _)| self.tree().is_merge_key(*key))
    }

    /// The old value gives way to the new.
    fn replace(&self, key: NodeId, old: NodeId, value: &str) -> Result<Splice, Refusal> {
        let node = self.tree().node(old);
        match &node.kind {
            _ if node.anchored => Err(Refusal("its `runbook_url` has a YAML anchor")),
            Kind::Alias { .. } => Err(Refusal("its `runbook_url` is a YAML alias")),
            Kind::Mapping { .. } | Kind::Sequence { .. } => {
                Err(Refusal("its `runbook_url` is no text"))
            }
            Kind::Scalar {
                style: ScalarStyle::Literal | ScalarStyle::Folded,
                ..
            } => self.replace_block(key, node.span.end, value),
            Kind::Scalar { .. } if node.span.is_empty() => {
                Ok(insertion(self.after_colon(key)?, format!(" {value}")))
            }
            Kind::Scalar { .. } => Ok(Splice {
                span: node.span.clone(),
                text: value.to_owned(),
            }),
        }
    }

    /// `|` or `>` with its text gives way; a comment behind the header stays.
    fn replace_block(&self, key: NodeId, end: usize, value: &str) -> Result<Splice, Refusal> {
        let text = self.text();
        let after = self.after_colon(key)?;
        let start = after + leading_space(&text[after..]);
        if !text[start..].starts_with(['|', '>']) {
            return Err(Refusal("its `runbook_url` has a tag or comment before it"));
        }
        let header = start..line_end(text, start);
        let n_indicators = text[header.clone()]
            .find([' ', '\t'])
            .unwrap_or(header.len());
        let comment = text[header.start + n_indicators..header.end].trim_end();
        Ok(Splice {
            span: start..end.max(header.start + n_indicators + comment.len()),
            text: format!("{value}{comment}"),
        })
    }

    /// A new entry before the first one, so that comments and block scalars below stay as they are.
    fn insert(&self, mapping: NodeId, first: NodeId, value: &str) -> Result<Splice, Refusal> {
        let text = self.text();
        let at = self.tree().node(first).span.start;
        let is_flow = matches!(
            self.tree().node(mapping).kind,
            Kind::Mapping { flow: true, .. }
        );
        let start = line_start(text, at);
        let before = &text[start..at];
        let indent = &before[..leading_space(before)];
        // Before the key only its own marks may stand: `? key`, a tag or a YAML anchor.
        let marks = before[indent.len()..].starts_with(['?', '&', '!']);
        if is_flow {
            let node = self.tree().node(first);
            if node.anchored || node.tag.is_some() || before.trim_end().ends_with('?') {
                return Err(Refusal(
                    "its first annotation has a tag, an anchor or a `?`",
                ));
            }
            return Ok(insertion(at, format!("runbook_url: {value}, ")));
        }
        if !marks && indent.len() < before.len() {
            return Err(Refusal(
                "its first annotation does not stand on its own line",
            ));
        }
        let ending = ending_after(text, at);
        Ok(insertion(
            start,
            format!("{indent}runbook_url: {value}{ending}"),
        ))
    }

    /// `annotations:` that are nothing get their first entry.
    fn fill(
        &self,
        rule: NodeId,
        key: NodeId,
        annotations: NodeId,
        value: &str,
    ) -> Result<Splice, Refusal> {
        if !self.tree().is_null(annotations) {
            return Err(Refusal("its `annotations` are no mapping"));
        }
        let span = self.tree().node(annotations).span.clone();
        if !span.is_empty() {
            let text = format!("{{runbook_url: {value}}}");
            return Ok(Splice { span, text });
        }
        let after = self.after_colon(key)?;
        if matches!(
            self.tree().node(rule).kind,
            Kind::Mapping { flow: true, .. }
        ) {
            return Ok(insertion(after, format!(" {{runbook_url: {value}}}")));
        }
        let indent = self.indent_of(rule);
        Ok(self.line_after(after, &format!("{indent}  runbook_url: {value}")))
    }

    /// A rule without `annotations` gets them behind its last line.
    fn create(&self, rule: NodeId, value: &str) -> Result<Splice, Refusal> {
        if self.has_merge_key(rule) {
            return Err(Refusal("it has a merge key, which may bring annotations"));
        }
        let node = self.tree().node(rule);
        let Kind::Mapping { pairs, flow } = &node.kind else {
            return Err(UNPROVEN);
        };
        let Some((_, last)) = pairs.last() else {
            return Err(UNPROVEN);
        };
        if *flow {
            let at = self.tree().node(*last).span.end;
            return Ok(insertion(
                at,
                format!(", annotations: {{runbook_url: {value}}}"),
            ));
        }
        let indent = self.indent_of(rule);
        let at = node.span.end;
        let ending = ending_after(self.text(), node.span.start);
        let lines = format!("{indent}annotations:{ending}{indent}  runbook_url: {value}");
        Ok(self.line_after(at, &lines))
    }

    /// Whole new lines below the line of `at`.
    fn line_after(&self, at: usize, lines: &str) -> Splice {
        let text = self.text();
        let end = line_end(text, at);
        let ending = ending_at(text, end);
        if ending.is_empty() {
            return insertion(end, format!("{}{lines}", ending_after(text, at)));
        }
        insertion(end + ending.len(), format!("{lines}{ending}"))
    }

    /// The white space that puts a key below the first key of the rule: its column.
    fn indent_of(&self, rule: NodeId) -> String {
        let start = self.tree().node(rule).span.start;
        let before = &self.text()[line_start(self.text(), start)..start];
        " ".repeat(before.trim_start_matches('\u{feff}').chars().count())
    }

    fn after_colon(&self, key: NodeId) -> Result<usize, Refusal> {
        let end = self.tree().node(key).span.end;
        let rest = &self.text()[end..];
        let space = rest.len() - rest.trim_start().len();
        if rest[space..].starts_with(':') {
            return Ok(end + space + 1);
        }
        Err(Refusal("there is no `:` right behind a key"))
    }
}

fn insertion(at: usize, text: String) -> Splice {
    Splice { span: at..at, text }
}

/// The value in single quotes: a `#`, `: ` or `{{` in an address is then only text.
fn quoted(url: &str) -> Result<String, Refusal> {
    if url.chars().any(char::is_control) {
        return Err(Refusal("the address has a control character"));
    }
    Ok(format!("'{}'", url.replace('\'', "''")))
}

fn leading_space(text: &str) -> usize {
    text.len() - text.trim_start_matches([' ', '\t']).len()
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind(['\n', '\r']).map_or(0, |end| end + 1)
}

fn line_end(text: &str, at: usize) -> usize {
    text[at..].find(['\n', '\r']).map_or(text.len(), |n| at + n)
}

/// The line ending that stands at `end`; empty at the end of the text.
fn ending_at(text: &str, end: usize) -> &str {
    let rest = &text[end..];
    let length = if rest.starts_with("\r\n") { 2 } else { 1 };
    rest.get(..length).unwrap_or_default()
}

/// The line ending of the line of `at`, or of the line before where it is the last and has none.
fn ending_after(text: &str, at: usize) -> &str {
    let ending = ending_at(text, line_end(text, at));
    if !ending.is_empty() {
        return ending;
    }
    let start = line_start(text, at);
    let length = if text[..start].ends_with("\r\n") {
        2
    } else {
        1
    };
    text.get(start.saturating_sub(length)..start)
        .filter(|ending| !ending.is_empty())
        .unwrap_or("\n")
}

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "edit_properties.rs"]
mod properties;
