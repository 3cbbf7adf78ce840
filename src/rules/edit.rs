//! Writes `annotations.runbook_url` into a rule file, and not one other byte.
//!
//! Text is spliced at places that the parser gave, then read again: what is not provably the
//! intended change is refused.

use super::proof::{prove, proven};
use super::template;
use super::yaml::{Kind, NodeId, Tree};
use super::{Alert, FileEdit, FirstChange, RuleFile};
use crate::finding::Finding;
use crate::source::Place;
use granit_parser::ScalarStyle;
use std::ops::Range;

/// What a rule should get.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) alert: &'a Alert,
    /// The link; `None` to take it out.
    pub(super) url: Option<&'a str>,
}

/// Bytes to be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Splice {
    pub(super) span: Range<usize>,
    pub(super) text: String,
}

/// Why a rule cannot be edited here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    why: &'static str,
    /// Where else the rule is used, or what is in the way.
    other: Option<NodeId>,
}

impl Refusal {
    pub(super) fn new(why: &'static str) -> Self {
        Self { why, other: None }
    }

    fn at(why: &'static str, other: Option<NodeId>) -> Self {
        Self { why, other }
    }

    fn finding(self, file: &RuleFile, alert: &Alert) -> Finding {
        let title = format!("cannot write the `{}` of `{}`", file.annotation, alert.name);
        let finding = Finding::error("rule-file-not-editable", alert.place.clone(), title)
            .note(self.why)
            .help("write the annotation by hand, or write this rule out in full; the file is left alone until then");
        match self.other {
            Some(other) => {
                let span = file.tree.node(other).span.clone();
                finding.related(Place::new(&file.file, span), "here")
            }
            None => finding,
        }
    }
}

/// A rule's change, planned.
#[derive(Debug, Clone)]
pub(super) struct Planned<'a> {
    pub(super) wanted: Wanted<'a>,
    pub(super) splice: Splice,
}

pub(super) const UNPROVEN: &str = "the change would alter more than this link";

/// The new text of a file; or, where a rule of it cannot be edited, one finding
/// `rule-file-not-editable` for each such rule, and no new text.
pub(super) fn edit(file: &RuleFile, wanted: &[Wanted<'_>]) -> (Option<FileEdit>, Vec<Finding>) {
    let mut planned = Vec::new();
    let mut findings = Vec::new();
    let locator = Locator::new(file);
    for one in wanted {
        match locator.splice(one) {
            Ok(splice) => planned.push(Planned {
                wanted: *one,
                splice,
            }),
            Err(refusal) => findings.push(refusal.finding(file, one.alert)),
        }
    }
    let Some(first) = planned.first().map(|one| one.wanted.alert) else {
        return (None, findings);
    };
    let n_changed = planned.len();
    let Some(new_text) = prove(file, &planned) else {
        let mut refused = Vec::new();
        proven(file, planned, &mut refused);
        let unproven = Refusal::new(UNPROVEN);
        findings.extend(refused.iter().map(|one| unproven.finding(file, one.alert)));
        return (None, findings);
    };
    if !findings.is_empty() {
        return (None, findings);
    }
    let edit = FileEdit {
        file: file.file.clone(),
        new_text,
        n_changed,
        annotation: file.annotation.clone(),
        first: FirstChange {
            alert: first.name.clone(),
            place: place_of(first),
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

/// Finds the bytes to change for one rule.
pub(super) struct Locator<'a> {
    file: &'a RuleFile,
    /// Whether the file is JSON, which has double quotes only.
    is_json: bool,
}

impl<'a> Locator<'a> {
    fn new(file: &'a RuleFile) -> Self {
        let root = file.tree.documents.first().map(|document| document.root);
        let pairs = root.and_then(|root| file.tree.pairs(root));
        let key = pairs.and_then(|pairs| pairs.first()).map(|(key, _)| *key);
        let is_double = |key| {
            matches!(
                file.tree.node(key).kind,
                Kind::Scalar {
                    style: ScalarStyle::DoubleQuoted,
                    ..
                }
            )
        };
        let text = file.file.text().trim_start_matches('\u{feff}').trim_start();
        Self {
            file,
            is_json: text.starts_with('{') && key.is_some_and(is_double),
        }
    }

    pub(super) fn text(&self) -> &'a str {
        self.file.file.text()
    }

    pub(super) fn tree(&self) -> &'a Tree {
        &self.file.tree
    }

    /// The key of the annotation as it is written.
    fn key(&self) -> String {
        if self.is_json {
            format!("\"{}\"", self.file.annotation)
        } else {
            self.file.annotation.clone()
        }
    }

    fn splice(&self, wanted: &Wanted<'_>) -> Result<Splice, Refusal> {
        let rule = wanted.alert.rule;
        let tree = self.tree();
        if wanted.alert.is_shared {
            let why = "this rule is shared by a YAML anchor or alias";
            return Err(Refusal::at(why, tree.node(rule).alias));
        }
        let Some((key, annotations)) = tree.own(rule, "annotations") else {
            return self.create(rule, &self.entry(wanted.url)?);
        };
        let node = tree.node(annotations);
        match &node.kind {
            Kind::Alias { target } => {
                let why = "its `annotations` are a YAML alias";
                Err(Refusal::at(why, Some(*target)))
            }
            _ if node.alias.is_some() => {
                let why = "its `annotations` are shared by a YAML anchor";
                Err(Refusal::at(why, node.alias))
            }
            Kind::Scalar { .. } => self.fill(rule, key, annotations, &self.entry(wanted.url)?),
            Kind::Sequence { .. } => Err(Refusal::new("its `annotations` are no mapping")),
            Kind::Mapping { pairs, .. } => {
                if let Some(merge) = self.merge_key(annotations) {
                    let why = "its `annotations` have a merge key";
                    return Err(Refusal::at(why, Some(merge)));
                }
                let old = tree.own(annotations, &self.file.annotation);
                match (old, wanted.url, pairs.first()) {
                    (Some((_, old)), None, _) => {
                        self.not_shared(old)?;
                        self.remove((rule, key), annotations)
                    }
                    (Some((key, old)), Some(url), _) => self.replace(key, old, &self.quoted(url)?),
                    (None, _, Some((first, _))) => {
                        self.insert(annotations, *first, &self.entry(wanted.url)?)
                    }
                    (None, _, None) => {
                        let at = node.span.start + 1;
                        Ok(insertion(at, self.entry(wanted.url)?))
                    }
                }
            }
        }
    }

    /// The annotation with its value.
    fn entry(&self, url: Option<&str>) -> Result<String, Refusal> {
        let url = url.ok_or(Refusal::new("it has no such annotation of its own"))?;
        Ok(format!("{}: {}", self.key(), self.quoted(url)?))
    }

    fn not_shared(&self, value: NodeId) -> Result<(), Refusal> {
        match self.tree().node(value).alias {
            Some(alias) => {
                let why = "its link is shared by a YAML anchor";
                Err(Refusal::at(why, Some(alias)))
            }
            None => Ok(()),
        }
    }

    fn merge_key(&self, mapping: NodeId) -> Option<NodeId> {
        let pairs = self.tree().pairs(mapping).unwrap_or_default();
        let keys = pairs.iter().map(|(key, _)| *key);
        keys.into_iter().find(|key| self.tree().is_merge_key(*key))
    }

    /// The old value gives way to the new.
    fn replace(&self, key: NodeId, old: NodeId, value: &str) -> Result<Splice, Refusal> {
        let node = self.tree().node(old);
        self.not_shared(old)?;
        match &node.kind {
            Kind::Mapping { .. } | Kind::Sequence { .. } => {
                Err(Refusal::new("its link is no text"))
            }
            Kind::Scalar {
                style: ScalarStyle::Literal | ScalarStyle::Folded,
                ..
            } => self.replace_block(key, node.span.end, value),
            Kind::Scalar { .. } if node.span.is_empty() => {
                Ok(insertion(self.after_colon(key)?, format!(" {value}")))
            }
            // An alias gives way to a text of this rule's own.
            Kind::Scalar { .. } | Kind::Alias { .. } => Ok(Splice {
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
            return Err(Refusal::new(
                "its link has a tag, a YAML anchor or a comment before it",
            ));
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
    fn insert(&self, mapping: NodeId, first: NodeId, entry: &str) -> Result<Splice, Refusal> {
        let text = self.text();
        let node = self.tree().node(first);
        let at = node.span.start;
        let is_flow = matches!(
            self.tree().node(mapping).kind,
            Kind::Mapping { flow: true, .. }
        );
        let start = line_start(text, at);
        let before = &text[start..at];
        let indent = &before[..leading_space(before)];
        if is_flow {
            if node.anchored || node.tag.is_some() || before.trim_end().ends_with('?') {
                let why = "its first annotation has a tag, an anchor or a `?`";
                return Err(Refusal::new(why));
            }
            if indent.len() == before.len() {
                let ending = ending_after(text, at);
                return Ok(insertion(start, format!("{indent}{entry},{ending}")));
            }
            return Ok(insertion(at, format!("{entry}, ")));
        }
        // Before the key only its own marks may stand: `? key`, a tag or a YAML anchor.
        let marks = before[indent.len()..].starts_with(['?', '&', '!']);
        if !marks && indent.len() < before.len() {
            let why = "its first annotation does not stand on its own line";
            return Err(Refusal::new(why));
        }
        let ending = ending_after(text, at);
        Ok(insertion(start, format!("{indent}{entry}{ending}")))
    }

    /// `annotations:` that are nothing get their first entry.
    fn fill(
        &self,
        rule: NodeId,
        key: NodeId,
        annotations: NodeId,
        entry: &str,
    ) -> Result<Splice, Refusal> {
        if !self.tree().is_null(annotations) {
            return Err(Refusal::new("its `annotations` are no mapping"));
        }
        let span = self.tree().node(annotations).span.clone();
        if !span.is_empty() {
            let text = format!("{{{entry}}}");
            return Ok(Splice { span, text });
        }
        let after = self.after_colon(key)?;
        if self.is_flow(rule) {
            return Ok(insertion(after, format!(" {{{entry}}}")));
        }
        let indent = self.indent_of(rule);
        Ok(self.line_after(after, &format!("{indent}  {entry}")))
    }

    pub(super) fn is_flow(&self, mapping: NodeId) -> bool {
        matches!(
            self.tree().node(mapping).kind,
            Kind::Mapping { flow: true, .. }
        )
    }

    /// A rule without `annotations` gets them behind its last line.
    fn create(&self, rule: NodeId, entry: &str) -> Result<Splice, Refusal> {
        if let Some(merge) = self.merge_key(rule) {
            let why = "it has a merge key, which may bring annotations";
            return Err(Refusal::at(why, Some(merge)));
        }
        let node = self.tree().node(rule);
        let pairs = self.tree().pairs(rule).unwrap_or_default();
        let Some((_, last)) = pairs.last() else {
            return Err(Refusal::new(UNPROVEN));
        };
        if self.is_flow(rule) {
            return Ok(self.create_in_flow(pairs, *last, entry));
        }
        let indent = self.indent_of(rule);
        let ending = ending_after(self.text(), node.span.start);
        let lines = format!("{indent}annotations:{ending}{indent}  {entry}");
        if pairs.len() > 1 && self.keeps_empty_lines(*last) {
            let key = self.tree().node(pairs[pairs.len() - 1].0).span.start;
            let start = line_start(self.text(), key);
            return Ok(insertion(start, format!("{lines}{ending}")));
        }
        Ok(self.line_after(node.span.end, &lines))
    }

    /// Whether empty lines below are part of a value (`|+`), so that nothing may be put before them.
    fn keeps_empty_lines(&self, value: NodeId) -> bool {
        match &self.tree().node(value).kind {
            Kind::Mapping { pairs, flow: false } => pairs
                .last()
                .is_some_and(|(_, last)| self.keeps_empty_lines(*last)),
            Kind::Sequence { items } => items
                .last()
                .is_some_and(|last| self.keeps_empty_lines(*last)),
            Kind::Scalar { value, style } => {
                matches!(style, ScalarStyle::Literal | ScalarStyle::Folded)
                    && value.ends_with("\n\n")
            }
            _ => false,
        }
    }

    /// A line of its own before a key that begins its line, or else behind the last value.
    fn create_in_flow(&self, pairs: &[(NodeId, NodeId)], last: NodeId, entry: &str) -> Splice {
        let text = self.text();
        let key = if self.is_json {
            "\"annotations\""
        } else {
            "annotations"
        };
        for (sibling, _) in pairs.iter().rev() {
            let at = self.tree().node(*sibling).span.start;
            let start = line_start(text, at);
            let before = &text[start..at];
            if !before.is_empty() && leading_space(before) == before.len() {
                let ending = ending_after(text, at);
                return insertion(start, format!("{before}{key}: {{{entry}}},{ending}"));
            }
        }
        let at = self.tree().node(last).span.end;
        insertion(at, format!(", {key}: {{{entry}}}"))
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

    /// The value in single quotes: a `#`, `: ` or `{{` in an address is then only text.
    fn quoted(&self, url: &str) -> Result<String, Refusal> {
        if url.chars().any(char::is_control) {
            return Err(Refusal::new("the address has a control character"));
        }
        if template::check(url).is_err() {
            return Err(Refusal::new("the address has a template that is broken"));
        }
        if self.is_json {
            return Ok(format!(
                "\"{}\"",
                url.replace('\\', "\\\\").replace('"', "\\\"")
            ));
        }
        Ok(format!("'{}'", url.replace('\'', "''")))
    }

    pub(super) fn after_colon(&self, key: NodeId) -> Result<usize, Refusal> {
        let end = self.tree().node(key).span.end;
        let rest = &self.text()[end..];
        let space = rest.len() - rest.trim_start().len();
        if rest[space..].starts_with(':') {
            return Ok(end + space + 1);
        }
        Err(Refusal::new("there is no `:` right behind a key"))
    }
}

pub(super) fn insertion(at: usize, text: String) -> Splice {
    Splice { span: at..at, text }
}

pub(super) fn leading_space(text: &str) -> usize {
    text.len() - text.trim_start_matches([' ', '\t']).len()
}

pub(super) fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind(['\n', '\r']).map_or(0, |end| end + 1)
}

pub(super) fn line_end(text: &str, at: usize) -> usize {
    text[at..].find(['\n', '\r']).map_or(text.len(), |n| at + n)
}

/// The line ending that stands at `end`; empty at the end of the text.
pub(super) fn ending_at(text: &str, end: usize) -> &str {
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

#[path = "remove.rs"]
mod remove;

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "edit_properties.rs"]
mod properties;
