//! Would its program load this rule file? It refuses the whole file for one wrong key.
//!
//! Follows `rulefmt` of Prometheus, with the keys that version 3 added and the names that version 2
//! allows, and with those of Mimir, Thanos, Loki and the resource `PrometheusRule`. Stricter: a file
//! without a rule, and a second document, which Prometheus and Thanos ignore. `LogQL` is not judged.

use super::dialect::Dialect;
use super::sections::{Section, Shape};
use super::yaml::{Broken, Field, NodeId, Tree};
use super::{document, promql};
use crate::finding::Finding;
use crate::source::{Place, SourceFile};
use std::collections::BTreeMap;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

const RULE_KEYS: &[&str] = &[
    "record",
    "alert",
    "expr",
    "for",
    "keep_firing_for",
    "labels",
    "annotations",
];
/// Not worth a thread.
const FEW_RULES: usize = 500;
const HELP: &str = "correct it, then see `promtool check rules`";

/// A syntax error as a finding.
pub(super) fn broken(file: &Arc<SourceFile>, broken: &Broken, dialect: Dialect) -> Finding {
    let text = file.text();
    let tab = broken
        .what
        .contains("tab")
        .then(|| indenting_tab(file, broken.at));
    let at = tab.flatten().unwrap_or(broken.at);
    let help = if text[at..].starts_with('\t') {
        "indent with spaces: YAML allows no tab here"
    } else {
        HELP
    };
    let length = text[at..].chars().next().map_or(0, char::len_utf8);
    Finding::error(
        "rule-file-invalid",
        Place::new(file, at..at + length),
        format!("this is not YAML: {}", broken.what),
    )
    .note(format!("{} would not load this file", dialect.name()))
    .help(help)
}

/// The first tab that indents a line, from the line of `at` on.
fn indenting_tab(file: &SourceFile, at: usize) -> Option<usize> {
    let start = file.line_span(file.line_column(at).0).start;
    let mut line_start = start;
    for line in file.text()[start..].split_inclusive(['\n', '\r']) {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(tab) = line[..indent].find('\t') {
            return Some(line_start + tab);
        }
        line_start += line.len();
    }
    None
}

/// Everything that keeps the program from loading a file that is YAML.
pub(super) fn check(
    file: &Arc<SourceFile>,
    tree: &Tree,
    sections: &[Section],
    dialect: Dialect,
) -> Vec<Finding> {
    let mut check = LoadCheck::new(file, tree, dialect);
    check.version();
    check.escapes();
    check.duplicate_keys();
    check.second_document(sections);
    for section in sections {
        check.section(section);
    }
    check.all_rules();
    check.count(document::rules(tree, sections).len(), sections);
    check.findings
}

struct LoadCheck<'a> {
    file: &'a Arc<SourceFile>,
    tree: &'a Tree,
    dialect: Dialect,
    findings: Vec<Finding>,
    /// Every rule of every group, not more than [`document::MOST_RULES`].
    rules: Vec<NodeId>,
}

impl<'a> LoadCheck<'a> {
    fn new(file: &'a Arc<SourceFile>, tree: &'a Tree, dialect: Dialect) -> Self {
        Self {
            file,
            tree,
            dialect,
            findings: Vec::new(),
            rules: Vec::new(),
        }
    }

    fn add(&mut self, node: NodeId, title: impl Into<String>, help: impl Into<String>) {
        let place = Place::new(self.file, self.tree.node(node).span.clone());
        let finding = Finding::error("rule-file-invalid", place, title)
            .note(format!("{} would not load this file", self.dialect.name()))
            .help(help);
        self.findings.push(finding);
    }

    /// What may stand once only: the finding names both.
    fn add_second(&mut self, first: NodeId, node: NodeId, title: String, help: &str) {
        let first = Place::new(self.file, self.tree.node(first).span.clone());
        self.add(node, title, help);
        if let Some(finding) = self.findings.pop() {
            self.findings.push(finding.related(first, "first here"));
        }
    }

    fn no_rules(&mut self, place: Place) {
        let finding = Finding::error("rule-file-invalid", place, "this rule file has no rule")
            .note(format!(
                "{} loads it, and nothing ever alerts",
                self.dialect.name()
            ))
            .help("add `groups:` with a rule, or take the file out of `rules` in book.toml");
        self.findings.push(finding);
    }

    /// No rule at all, or too many.
    fn count(&mut self, n_rules: usize, sections: &[Section]) {
        let owner = sections.first().map(|section| section.owner);
        let groups = owner.and_then(|owner| self.tree.own(owner, "groups"));
        let node = groups.map(|(key, _)| key).or(owner);
        if n_rules >= document::MOST_RULES {
            let title = format!("this file has more than {} rules", document::MOST_RULES);
            let help = "write the rules out without YAML aliases";
            if let Some(node) = node {
                self.add(node, title, help);
            }
        } else if n_rules == 0 && self.findings.is_empty() {
            let span = node.map_or(0..0, |node| self.tree.node(node).span.clone());
            self.no_rules(Place::new(self.file, span));
        }
    }

    /// Prometheus and Thanos read the first document, and stop.
    fn second_document(&mut self, sections: &[Section]) {
        let is_ignored = |section: &&Section| {
            section.document > 0
                && section.shape == Shape::File
                && !self.dialect.reads_all_documents()
        };
        let Some(second) = sections.iter().find(is_ignored) else {
            return;
        };
        let start = self.tree.documents[second.document].start;
        let name = self.dialect.name();
        let finding = Finding::error(
            "rule-file-invalid",
            Place::new(self.file, start..(start + 3).min(self.file.text().len())),
            "a rule file has one document, this is another",
        )
        .note(format!("{name} would ignore it and load the first"))
        .help("put its groups into the first document, or say whose file it is with `dialect` in book.toml");
        self.findings.push(finding);
    }

    /// The YAML library of all these programs takes no other version than 1.1, if one is written.
    fn version(&mut self) {
        let text = self.file.text();
        let start = text.len() - text.trim_start_matches('\u{feff}').len();
        let line = text[start..].lines().next().unwrap_or_default();
        let Some(version) = line.strip_prefix("%YAML ") else {
            return;
        };
        if version.split('#').next().map(str::trim) != Some("1.1") {
            let place = Place::new(self.file, start..start + line.len());
            let title = format!("`{line}` is no version of YAML that it reads");
            let finding = Finding::error("rule-file-invalid", place, title)
                .note(format!("{} would not load this file", self.dialect.name()))
                .help("remove the line");
            self.findings.push(finding);
        }
    }

    /// An escape that version 1.2 of YAML has for the sake of JSON.
    fn escapes(&mut self) {
        let text = self.file.text();
        for (id, span) in self.tree.double_quoted() {
            let mut is_escaped = false;
            let is_newer = |c: char| {
                let is_newer = is_escaped && c == '/';
                is_escaped = c == '\\' && !is_escaped;
                is_newer
            };
            if text[span].chars().any(is_newer) {
                self.add(id, "there is no escape `\\/` in its YAML", "write `/`");
            }
        }
    }

    fn duplicate_keys(&mut self) {
        for (first, key) in self.tree.duplicate_keys() {
            let name = self.tree.scalar(key).unwrap_or_default();
            let title = format!("the key `{name}` stands here twice");
            self.add_second(first, key, title, "keep one of the two");
        }
    }

    fn section(&mut self, section: &Section) {
        let what = match section.shape {
            Shape::File => "a rule file",
            Shape::Resource => "the `spec` of a resource of rules",
        };
        // A resource of Loki's operator has more keys, which do not concern us.
        let known = match section.shape {
            Shape::File => self.dialect.top_keys(),
            Shape::Resource if section.is_loki => &["groups", "tenantID"],
            Shape::Resource => &["groups"],
        };
        let Some(fields) = self.mapping(section.owner, what, known) else {
            return;
        };
        let Some(groups) = fields.iter().find(|field| field.name == "groups") else {
            return;
        };
        let mut names = BTreeMap::new();
        for group in self.sequence(groups) {
            self.group(*group, section.shape, &mut names);
        }
    }

    fn group_name(
        &mut self,
        group: NodeId,
        fields: &[Field<'a>],
        names: &mut BTreeMap<&'a str, NodeId>,
    ) {
        let name = fields.iter().find(|field| field.name == "name");
        let Some((field, name)) = name.and_then(|field| Some((field, self.text(field)?))) else {
            return self.add(group, "this rule group has no name", "add `name:`");
        };
        let Some(first) = names.insert(name, field.value) else {
            return;
        };
        let title = format!("the group `{name}` stands here twice");
        let help = "give each group of a file its own name";
        self.add_second(first, field.value, title, help);
    }

    fn group(&mut self, group: NodeId, shape: Shape, names: &mut BTreeMap<&'a str, NodeId>) {
        let known = self.dialect.group_keys(shape);
        let Some(fields) = self.mapping(group, "a rule group", &known) else {
            return;
        };
        self.group_name(group, &fields, names);
        for field in &fields {
            match field.name {
                "interval" | "query_offset" | "evaluation_delay" => drop(self.duration(field)),
                "limit" => self.integer(field),
                "labels" => self.names(field, "label"),
                "partial_response_strategy" => self.strategy(field),
                "source_tenants" | "remote_write" => drop(self.sequence(field)),
                "rules" => {
                    let room = document::MOST_RULES - self.rules.len();
                    let rules = self.sequence(field).iter().take(room);
                    self.rules.extend(rules);
                }
                _ => {}
            }
        }
    }

    /// Expressions and templates take the longest, and no rule concerns another.
    fn all_rules(&mut self) {
        let n_processors = thread::available_parallelism().map_or(1, NonZero::get);
        let share = self.rules.len().div_ceil(n_processors).max(FEW_RULES);
        let found = thread::scope(|scope| {
            let shares = self.rules.chunks(share).map(|rules| {
                let mut check = Self::new(self.file, self.tree, self.dialect);
                scope.spawn(move || {
                    for rule in rules {
                        check.rule(*rule);
                    }
                    check.findings
                })
            });
            let shares: Vec<_> = shares.collect();
            let found = shares.into_iter().map(thread::ScopedJoinHandle::join);
            found.collect::<Vec<_>>()
        });
        for findings in found {
            let findings = findings.unwrap_or_else(|panic| resume_unwind(panic));
            self.findings.extend(findings);
        }
    }

    fn rule(&mut self, rule: NodeId) {
        let Some(fields) = self.mapping(rule, "a rule", RULE_KEYS) else {
            return;
        };
        let named = |name| fields.iter().find(|field| field.name == name);
        let filled = |field: &&Field<'_>| self.text(field).is_some();
        let record = named("record").filter(filled);
        let alert = named("alert").filter(filled);
        let expr = named("expr").filter(filled);
        match (record, alert) {
            (Some(_), Some(alert)) => self.add(
                alert.key,
                "a rule has both `record` and `alert`",
                "make two rules of it",
            ),
            (None, None) => self.add(
                rule,
                "a rule has neither `record` nor `alert`",
                "name it with `alert:`, or with `record:`",
            ),
            _ => {}
        }
        match expr {
            Some(expr) => self.expression(expr),
            None => self.add(
                rule,
                "this rule has no `expr`",
                "add the `expr:` it evaluates",
            ),
        }
        if let Some(record) = record {
            self.record(record, &fields);
        }
        self.rule_fields(&fields, record.is_some());
    }

    fn rule_fields(&mut self, fields: &[Field<'a>], is_record: bool) {
        for field in fields {
            match field.name {
                "record" | "alert" | "expr" => self.is_scalar(field),
                "for" | "keep_firing_for" => {
                    let is_zero = self.duration(field);
                    if is_record && is_zero == Some(false) {
                        let title = format!("a recording rule has no `{}`", field.name);
                        self.add(
                            field.key,
                            title,
                            "take it out, or make an alert of the rule",
                        );
                    }
                }
                "labels" => self.names(field, "label"),
                "annotations" => self.names(field, "annotation"),
                _ => {}
            }
            if !is_record && matches!(field.name, "labels" | "annotations") {
                self.templates(field);
            }
        }
    }

    fn record(&mut self, record: &Field<'_>, fields: &[Field<'_>]) {
        let name = self.text(record).unwrap_or_default();
        if !is_name(name, true) {
            let help = "use letters, digits, `_` and `:`, and begin with no digit";
            self.add(
                record.value,
                format!("`{name}` is no name of a metric"),
                help,
            );
        }
        let annotations = fields.iter().find(|field| field.name == "annotations");
        if let Some(field) = annotations.filter(|field| !self.tree.fields(field.value).is_empty()) {
            self.add(
                field.key,
                "a recording rule has no `annotations`",
                "take them out, or make an alert of the rule",
            );
        }
    }

    fn expression(&mut self, expr: &Field<'_>) {
        let text = self.text(expr).unwrap_or_default();
        if !self.dialect.is_promql() {
            return;
        }
        if let Err(fault) = promql::check(text) {
            let mut place = Place::new(self.file, self.tree.node(expr.value).span.clone());
            // Where the expression stands as it is, so does the fault.
            if self.file.text().get(place.span.clone()) == Some(text) {
                place.span.start += fault.at.min(text.len());
            }
            let finding = Finding::error(
                "rule-file-invalid",
                place,
                format!("this is not PromQL: {}", fault.what),
            )
            .note(format!("{} would not load this file", self.dialect.name()))
            .help(fault.help.unwrap_or_else(|| HELP.to_owned()));
            self.findings.push(finding);
        }
    }
}

#[path = "load_fields.rs"]
mod fields;
use fields::is_name;

#[cfg(test)]
#[path = "load_check_tests.rs"]
mod tests;
