//! A rule file: its alerting rules, each with the places that an edit needs.

use super::load_check;
use super::yaml::{NodeId, Tree};
use crate::finding::{Finding, Severity};
use crate::source::{Place, SourceFile};
use std::ops::Range;
use std::sync::Arc;

/// One alerting rule.
#[derive(Debug, Clone)]
pub struct Alert {
    /// Its name; several rules may share one.
    pub name: String,
    /// Where the name stands.
    pub place: Place,
    /// The bytes of its rule.
    pub rule_span: Range<usize>,
    /// Its present `annotations.runbook_url`; `None` where there is none, or an empty one.
    pub runbook_url: Option<RunbookUrl>,
    /// The rule as it stands in the sequence of its group, perhaps an alias.
    pub(super) rule: NodeId,
    /// The way to the rule in [`Tree::facts`].
    pub(super) way: String,
    /// Whether the rule, its group or their sequences are an alias or have a YAML anchor.
    pub(super) is_shared: bool,
}

/// A link as it stands in a rule file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunbookUrl {
    /// The value after YAML's escapes.
    pub value: String,
    /// Where it stands.
    pub place: Place,
}

/// One rule file.
#[derive(Debug, Clone)]
pub struct RuleFile {
    /// The file.
    pub file: Arc<SourceFile>,
    /// Its alerting rules in their order.
    pub alerts: Vec<Alert>,
    /// Whether Prometheus would load it; what it would not load is never edited.
    pub loads: bool,
    pub(super) tree: Tree,
}

impl RuleFile {
    /// Reads a file; whatever keeps Prometheus from loading it is a finding `rule-file-invalid`.
    pub fn parse(file: &Arc<SourceFile>) -> (Self, Vec<Finding>) {
        let (tree, findings) = match Tree::parse(file.text()) {
            Ok(tree) => {
                let findings = load_check::check(file, &tree);
                (tree, findings)
            }
            Err(broken) => (Tree::default(), vec![load_check::broken(file, &broken)]),
        };
        let loads = findings.iter().all(|one| one.severity != Severity::Error);
        let document = Self {
            file: Arc::clone(file),
            alerts: alerts(file, &tree),
            loads,
            tree,
        };
        (document, findings)
    }
}

/// A rule of a file, alerting or recording.
pub(super) struct Rule {
    pub(super) id: NodeId,
    way: String,
    is_shared: bool,
}

/// Every rule of the first document, the only one that Prometheus reads.
pub(super) fn rules(tree: &Tree) -> Vec<Rule> {
    let Some(document) = tree.documents.first() else {
        return Vec::new();
    };
    let is_shared = |id| tree.node(id).anchored || tree.target(id) != id;
    let mut rules = Vec::new();
    let Some(groups) = tree.get(document.root, "groups") else {
        return rules;
    };
    for (at_group, group) in tree.items(groups).unwrap_or_default().iter().enumerate() {
        let Some(sequence) = tree.get(*group, "rules") else {
            continue;
        };
        let shared = is_shared(document.root) || is_shared(groups) || is_shared(*group);
        let shared = shared || is_shared(sequence) || tree.own(*group, "rules").is_none();
        for (at_rule, rule) in tree.items(sequence).unwrap_or_default().iter().enumerate() {
            // Aliases of aliases can name more rules than any machine holds.
            if rules.len() >= MOST_RULES {
                return rules;
            }
            rules.push(Rule {
                id: *rule,
                way: format!("/groups/{at_group}/rules/{at_rule}"),
                is_shared: shared || is_shared(*rule),
            });
        }
    }
    rules
}

/// More rules than this in one file are not looked at.
pub(super) const MOST_RULES: usize = 100_000;

fn alerts(file: &Arc<SourceFile>, tree: &Tree) -> Vec<Alert> {
    let mut alerts = Vec::new();
    for rule in rules(tree) {
        let Some(name_id) = tree.get(rule.id, "alert") else {
            continue;
        };
        let name = tree.scalar(name_id).unwrap_or_default();
        if name.is_empty() || tree.is_null(name_id) {
            continue;
        }
        alerts.push(Alert {
            name: name.to_owned(),
            place: Place::new(file, tree.node(name_id).span.clone()),
            rule_span: tree.node(rule.id).span.clone(),
            runbook_url: runbook_url(file, tree, rule.id),
            rule: rule.id,
            way: rule.way,
            is_shared: rule.is_shared,
        });
    }
    alerts
}

fn runbook_url(file: &Arc<SourceFile>, tree: &Tree, rule: NodeId) -> Option<RunbookUrl> {
    let annotations = tree.get(rule, "annotations")?;
    let id = tree.get(annotations, "runbook_url")?;
    let value = tree.scalar(id)?;
    if value.is_empty() || tree.is_null(id) {
        return None;
    }
    Some(RunbookUrl {
        value: value.to_owned(),
        place: Place::new(file, tree.node(id).span.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_have_names_places_and_links() {
        let text = "groups:\n- name: g\n  rules:\n  - record: r\n    expr: up\n  - alert: A\n    \
                    expr: up\n    annotations: {runbook_url: x}\n";
        let (file, findings) = RuleFile::parse(&SourceFile::new("a.yml", text));
        assert_eq!(findings, []);
        assert!(file.loads);
        let alert = &file.alerts[0];
        assert_eq!(alert.name, "A");
        assert_eq!(alert.place.locator(), "a.yml:6:12");
        assert_eq!(alert.runbook_url.as_ref().unwrap().value, "x");
        assert!(text[alert.rule_span.clone()].starts_with("alert: A"));
        assert!(text[alert.rule_span.clone()].ends_with("x}"));
    }
}
