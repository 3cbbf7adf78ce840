//! A rule file's alerts, with the places that an edit needs.

use super::load_check;
use super::yaml::{self, Node};
use crate::finding::Finding;
use crate::source::{Place, SourceFile};
use std::sync::Arc;

/// One alerting rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Its name.
    pub name: String,
    /// The name's place.
    pub place: Place,
    /// Its present link.
    pub runbook_url: Option<(String, Place)>,
    /// The rule's node, found again by the editor.
    pub(super) at: usize,
}

/// One rule file.
#[derive(Debug, Clone)]
pub struct RuleFile {
    /// The file.
    pub file: Arc<SourceFile>,
    /// Its alerts in their order.
    pub alerts: Vec<Alert>,
    /// Whether Prometheus would load it; what it would not is never edited.
    pub loads: bool,
    pub(super) root: Option<Node>,
}

impl RuleFile {
    /// Reads a file; what Prometheus would not load is reported at its place.
    pub fn parse(file: &Arc<SourceFile>) -> (Self, Vec<Finding>) {
        let mut findings = Vec::new();
        let root = match yaml::parse(file.text()) {
            Ok(root) => root,
            Err(broken) => {
                findings.push(
                    load_check::invalid(
                        file,
                        broken.at..broken.at,
                        "Prometheus cannot load this file",
                    )
                    .note(broken.what),
                );
                None
            }
        };
        if findings.is_empty() {
            findings.extend(load_check::check(file, root.as_ref()));
        }
        let alerts = root.iter().flat_map(|root| alerts(file, root)).collect();
        let document = Self {
            file: Arc::clone(file),
            alerts,
            loads: findings.is_empty(),
            root,
        };
        (document, findings)
    }
}

/// Every rule node of the file.
pub(super) fn rules(root: &Node) -> impl Iterator<Item = &Node> {
    root.get("groups")
        .and_then(Node::items)
        .unwrap_or_default()
        .iter()
        .filter_map(|group| group.get("rules").and_then(Node::items))
        .flatten()
}

fn alerts<'a>(file: &'a Arc<SourceFile>, root: &'a Node) -> impl Iterator<Item = Alert> + 'a {
    rules(root).filter_map(|rule| {
        let name = rule.get("alert")?;
        let link = rule.get("annotations").and_then(|a| a.get("runbook_url"));
        Some(Alert {
            name: name.scalar()?.to_owned(),
            place: Place::new(file, name.span.clone()),
            runbook_url: link.and_then(|link| {
                let place = Place::new(file, link.span.clone());
                Some((link.scalar()?.to_owned(), place))
            }),
            at: rule.span.start,
        })
    })
}
