//! A rule file: its alerting rules, each with the places that an edit needs.

use super::dialect::Dialect;
use super::load_check;
use super::sections::{Section, sections};
use super::sight::Sight;
use super::yaml::{NodeId, Tree};
use crate::finding::{Finding, Severity};
use crate::source::{Place, SourceFile};
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

/// One alerting rule.
#[derive(Debug, Clone)]
pub struct Alert {
    /// Its name; several rules may share one.
    pub name: String,
    /// Where the name stands.
    pub place: Place,
    /// The bytes of its rule.
    pub rule_span: Range<usize>,
    /// Its present link; `None` where there is none, or an empty one.
    pub runbook_url: Option<RunbookUrl>,
    /// The rule as it stands in the sequence of its group, perhaps an alias.
    pub(super) rule: NodeId,
    /// Whether the rule, or what holds it, is used in a second place.
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

/// How rule files are to be read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The annotation that holds the link.
    pub annotation: String,
    /// Whose files they are; told by their content where `None`.
    pub dialect: Option<Dialect>,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            annotation: "runbook_url".to_owned(),
            dialect: None,
        }
    }
}

/// One rule file.
#[derive(Debug, Clone)]
pub struct RuleFile {
    /// The file.
    pub file: Arc<SourceFile>,
    /// Its alerting rules in their order.
    pub alerts: Vec<Alert>,
    /// The names of alerts in a text that is no rule file yet, such as a template.
    pub names_by_sight: Vec<String>,
    /// Whether its program would load it; what it would not load is never edited.
    pub loads: bool,
    /// Whose file it is.
    pub dialect: Dialect,
    /// The annotation that holds the link.
    pub annotation: String,
    pub(super) tree: Tree,
}

impl RuleFile {
    /// Reads a file of an unknown program, with links in `runbook_url`; see [`RuleFile::read`].
    pub fn parse(file: &Arc<SourceFile>) -> (Self, Vec<Finding>) {
        Self::read(file, &Reading::default())
    }

    /// Reads a file; whatever keeps its program from loading it is a finding `rule-file-invalid`,
    /// and a template is `rule-file-not-editable`.
    pub fn read(file: &Arc<SourceFile>, reading: &Reading) -> (Self, Vec<Finding>) {
        let parsed = Tree::parse(file.text());
        let sections = parsed.as_ref().map_or_else(|_| Vec::new(), sections);
        let dialect = match (&parsed, reading.dialect) {
            (_, Some(dialect)) => dialect,
            (Ok(tree), None) => Dialect::detect(tree, &sections),
            (Err(_), None) => Dialect::Prometheus,
        };
        let sight = Sight::of(file, &parsed);
        let (tree, alerts, findings) = match (parsed, &sight) {
            (_, Some(sight)) => (Tree::default(), Vec::new(), vec![sight.finding(file)]),
            (Ok(tree), None) => {
                let (alerts, findings) = thread::scope(|scope| {
                    let check = || load_check::check(file, &tree, &sections, dialect);
                    let findings = scope.spawn(check);
                    let alerts = alerts(file, &tree, &sections, &reading.annotation);
                    (alerts, findings.join())
                });
                let findings = findings.unwrap_or_else(|panic| resume_unwind(panic));
                (tree, alerts, findings)
            }
            (Err(broken), None) => {
                let finding = load_check::broken(file, &broken, dialect);
                (Tree::default(), Vec::new(), vec![finding])
            }
        };
        let document = Self {
            file: Arc::clone(file),
            alerts,
            names_by_sight: sight.map_or_else(Vec::new, |sight| sight.names()),
            loads: findings.iter().all(|one| one.severity != Severity::Error),
            dialect,
            annotation: reading.annotation.clone(),
            tree,
        };
        (document, findings)
    }
}

/// A rule file after an edit: what the edit can change of it. Values are not judged: where they are
/// those of a file that loads, so is their verdict.
pub(super) struct Reread<'a> {
    file: Arc<SourceFile>,
    pub(super) tree: Tree,
    annotation: &'a str,
}

impl<'a> Reread<'a> {
    /// Reads the new text; none where it is no YAML, or a key stands twice.
    pub(super) fn of(old: &'a RuleFile, text: String) -> Option<Self> {
        let file = SourceFile::new(old.file.path(), text);
        let tree = Tree::parse(file.text()).ok()?;
        let is_clear = tree.duplicate_keys().next().is_none();
        is_clear.then_some(Self {
            file,
            tree,
            annotation: &old.annotation,
        })
    }

    /// Its text, where all is as it should be.
    pub(super) fn into_text(self) -> String {
        self.file.text().to_owned()
    }

    /// Its alerting rules in their order.
    pub(super) fn alerts(&self) -> Vec<Alert> {
        let sections = sections(&self.tree);
        alerts(&self.file, &self.tree, &sections, self.annotation)
    }
}

/// A rule of a file, alerting or recording.
pub(super) struct Rule {
    pub(super) id: NodeId,
    is_shared: bool,
}

/// Every rule of the sections.
pub(super) fn rules(tree: &Tree, sections: &[Section]) -> Vec<Rule> {
    let mut rules = Vec::new();
    for section in sections {
        let Some(groups) = tree.get(section.owner, "groups") else {
            continue;
        };
        let shared = section.is_shared
            || tree.is_shared(groups)
            || tree.own(section.owner, "groups").is_none();
        for group in tree.items(groups).unwrap_or_default() {
            let Some(sequence) = tree.get(*group, "rules") else {
                continue;
            };
            let shared = shared || tree.is_shared(*group) || tree.is_shared(sequence);
            let shared = shared || tree.own(*group, "rules").is_none();
            for rule in tree.items(sequence).unwrap_or_default() {
                // Aliases of aliases can name more rules than any machine holds.
                if rules.len() >= MOST_RULES {
                    return rules;
                }
                rules.push(Rule {
                    id: *rule,
                    is_shared: shared || tree.is_shared(*rule),
                });
            }
        }
    }
    rules
}

/// More rules than this in one file are not looked at.
pub(super) const MOST_RULES: usize = 100_000;

fn alerts(
    file: &Arc<SourceFile>,
    tree: &Tree,
    sections: &[Section],
    annotation: &str,
) -> Vec<Alert> {
    let mut alerts = Vec::new();
    for rule in rules(tree, sections) {
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
            runbook_url: runbook_url(file, tree, rule.id, annotation),
            rule: rule.id,
            is_shared: rule.is_shared,
        });
    }
    alerts
}

fn runbook_url(
    file: &Arc<SourceFile>,
    tree: &Tree,
    rule: NodeId,
    annotation: &str,
) -> Option<RunbookUrl> {
    let annotations = tree.get(rule, "annotations")?;
    let id = tree.get(annotations, annotation)?;
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
