//! `rule-file-invalid`: what Prometheus' own loader (`rulefmt`) refuses, or silently ignores.
//!
//! Expressions are checked for balance only: whether `PromQL` parses is promtool's to say.

use super::yaml::{Kind, Node};
use crate::finding::{Finding, did_you_mean};
use crate::source::{Place, SourceFile};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

const GROUP_KEYS: &[&str] = &[
    "interval",
    "labels",
    "limit",
    "name",
    "query_offset",
    "rules",
];

const RULE_KEYS: &[&str] = &[
    "alert",
    "annotations",
    "expr",
    "for",
    "keep_firing_for",
    "labels",
    "record",
];

/// A finding of this check.
pub(super) fn invalid(
    file: &Arc<SourceFile>,
    span: Range<usize>,
    title: impl Into<String>,
) -> Finding {
    Finding::error("rule-file-invalid", Place::new(file, span), title)
        .help("correct the file: Prometheus would load none of its rules")
}

/// Everything that is wrong with a file that is YAML.
pub(super) fn check(file: &Arc<SourceFile>, root: Option<&Node>) -> Vec<Finding> {
    let mut checker = Checker {
        file,
        findings: Vec::new(),
    };
    let groups = root.and_then(|root| root.get("groups"));
    match (root, groups.and_then(Node::items)) {
        (Some(root), Some(groups)) if !groups.is_empty() => {
            checker.keys(root, &["groups"], "the file");
            checker.groups(groups);
        }
        _ => checker.say(0..0, "this file defines no rule".to_owned()),
    }
    checker.findings
}

struct Checker<'a> {
    file: &'a Arc<SourceFile>,
    findings: Vec<Finding>,
}

impl Checker<'_> {
    fn say(&mut self, span: Range<usize>, title: String) {
        self.findings.push(invalid(self.file, span, title));
    }

    /// Unknown and repeated keys: Prometheus decodes strictly.
    fn keys(&mut self, node: &Node, known: &[&str], what: &str) {
        let mut seen = BTreeSet::new();
        for (key, _) in node.pairs() {
            let name = key.scalar().unwrap_or_default();
            if name == "<<" {
                continue;
            }
            if !seen.insert(name) {
                self.say(key.span.clone(), format!("key `{name}` stands twice"));
            }
            if !known.is_empty() && !known.contains(&name) {
                let title = format!("{what} has no key `{name}`");
                let mut finding = invalid(self.file, key.span.clone(), title);
                finding.help = did_you_mean(name, known);
                self.findings.push(finding);
            }
        }
    }

    fn groups(&mut self, groups: &[Node]) {
        let mut names = BTreeSet::new();
        for group in groups {
            self.keys(group, GROUP_KEYS, "a rule group");
            match group.get("name").and_then(Node::scalar) {
                None | Some("") => self.say(start(group), "a rule group without a name".to_owned()),
                Some(name) if !names.insert(name) => {
                    self.say(start(group), format!("a second rule group named `{name}`"));
                }
                Some(_) => {}
            }
            for key in ["interval", "query_offset"] {
                self.duration(group.get(key));
            }
            for rule in group.get("rules").and_then(Node::items).unwrap_or_default() {
                self.rule(rule);
            }
        }
    }

    fn rule(&mut self, rule: &Node) {
        if !matches!(rule.kind, Kind::Map { .. }) {
            return self.say(rule.span.clone(), "a rule must be a mapping".to_owned());
        }
        self.keys(rule, RULE_KEYS, "a rule");
        let text = |key: &str| {
            rule.get(key)
                .and_then(Node::scalar)
                .filter(|text| !text.is_empty())
        };
        match (text("alert"), text("record")) {
            (Some(_), Some(_)) => self.say(
                start(rule),
                "a rule with both `alert` and `record`".to_owned(),
            ),
            (None, None) => self.say(start(rule), "a rule without `alert` or `record`".to_owned()),
            (None, Some(_)) => {
                for key in ["annotations", "for", "keep_firing_for"] {
                    if let Some((key, _)) = rule.pair(key) {
                        let name = key.scalar().unwrap_or_default().to_owned();
                        self.say(key.span.clone(), format!("a recording rule with `{name}`"));
                    }
                }
            }
            (Some(_), None) => {}
        }
        match text("expr") {
            None => self.say(start(rule), "a rule without `expr`".to_owned()),
            Some(expr) if !is_balanced(expr) => {
                let span = rule.get("expr").map_or(0..0, |node| node.span.clone());
                self.say(span, "this expression is not closed".to_owned());
            }
            Some(_) => {}
        }
        self.duration(rule.get("for"));
        self.duration(rule.get("keep_firing_for"));
        self.names(rule.get("labels"), "label");
        self.names(rule.get("annotations"), "annotation");
    }

    fn names(&mut self, node: Option<&Node>, what: &str) {
        let Some(node) = node.filter(|node| !node.is_null() && node.kind != Kind::Alias) else {
            return;
        };
        if !matches!(node.kind, Kind::Map { .. }) {
            return self.say(node.span.clone(), format!("{what}s must be a mapping"));
        }
        self.keys(node, &[], what);
        for (key, value) in node.pairs() {
            let name = key.scalar().unwrap_or_default();
            let is_name = !name.is_empty()
                && !name.starts_with(|c: char| c.is_ascii_digit())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !is_name && name != "<<" {
                self.say(key.span.clone(), format!("`{name}` is no {what} name"));
            }
            match value.scalar() {
                None if value.kind != Kind::Alias => {
                    self.say(
                        value.span.clone(),
                        format!("the {what} `{name}` must be text"),
                    );
                }
                Some(text) if text.matches("{{").count() != text.matches("}}").count() => {
                    self.say(
                        value.span.clone(),
                        format!("the template of `{name}` is not closed"),
                    );
                }
                _ => {}
            }
        }
    }

    fn duration(&mut self, node: Option<&Node>) {
        let Some(node) = node else { return };
        let text = node.scalar().unwrap_or_default();
        if !is_duration(text) {
            self.say(node.span.clone(), format!("`{text}` is no duration"));
        }
    }
}

fn start(node: &Node) -> Range<usize> {
    node.pairs()
        .first()
        .map_or_else(|| node.span.clone(), |(key, _)| key.span.clone())
}

/// Prometheus' `model.ParseDuration`: units from years to milliseconds, each at most once, in order.
fn is_duration(text: &str) -> bool {
    if text == "0" {
        return true;
    }
    let mut units = ["y", "w", "d", "h", "m", "s", "ms"].iter();
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let after = &rest[digits..];
        let unit = after.len()
            - after
                .trim_start_matches(|c: char| c.is_ascii_lowercase())
                .len();
        if digits == 0 || !units.any(|known| *known == &after[..unit]) {
            return false;
        }
        rest = &after[unit..];
    }
    !text.is_empty()
}

/// Brackets and quotes of an expression, outside of its strings and comments.
fn is_balanced(expr: &str) -> bool {
    let mut open = Vec::new();
    let mut chars = expr.chars();
    while let Some(c) = chars.next() {
        match c {
            '#' => {
                chars.by_ref().find(|c| *c == '\n');
            }
            '(' => open.push(')'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            ')' | ']' | '}' if open.pop() != Some(c) => return false,
            '"' | '\'' | '`' => loop {
                match chars.next() {
                    None => return false,
                    Some('\\') if c != '`' => {
                        chars.next();
                    }
                    Some(end) if end == c => break,
                    Some(_) => {}
                }
            },
            _ => {}
        }
    }
    open.is_empty()
}
