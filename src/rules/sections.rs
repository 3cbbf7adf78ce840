//! Where the groups of a text stand: at the top of a rule file, or in Kubernetes resources.

use super::yaml::{NodeId, Tree};

/// What holds the groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A rule file.
    File,
    /// The `spec` of a Kubernetes resource.
    Resource,
}

/// A mapping whose `groups` hold rules.
#[derive(Debug, Clone)]
pub(super) struct Section {
    /// The mapping.
    pub(super) owner: NodeId,
    /// The number of its document.
    pub(super) document: usize,
    pub(super) shape: Shape,
    /// Whether it is a resource of Loki's operator.
    pub(super) is_loki: bool,
    /// Whether it, or what holds it, is used in a second place.
    pub(super) is_shared: bool,
}

/// Every place of groups, in the order of the text.
///
/// A document with `apiVersion` and `kind` is a Kubernetes resource: one of rules, a list of
/// resources, or something else that does not concern us.
pub(super) fn sections(tree: &Tree) -> Vec<Section> {
    let mut finder = Finder {
        tree,
        document: 0,
        found: Vec::new(),
    };
    for (number, document) in tree.documents.iter().enumerate() {
        finder.document = number;
        if finder.kind(document.root).is_some() {
            finder.resource(document.root, false, 0);
        } else if number == 0 || !tree.is_null(document.root) {
            finder.found.push(Section {
                owner: document.root,
                document: number,
                shape: Shape::File,
                is_loki: false,
                is_shared: tree.is_shared(document.root),
            });
        }
    }
    finder.found
}

/// Lists in lists deeper than this are not looked into.
const MOST_LISTS: usize = 4;

struct Finder<'a> {
    tree: &'a Tree,
    document: usize,
    found: Vec<Section>,
}

impl<'a> Finder<'a> {
    fn kind(&self, id: NodeId) -> Option<&'a str> {
        self.tree.get(id, "apiVersion")?;
        let kind = self.tree.get(id, "kind")?;
        self.tree.scalar(kind)
    }

    fn resource(&mut self, id: NodeId, is_shared: bool, depth: usize) {
        let is_shared = is_shared || self.tree.is_shared(id);
        let kind = self.kind(id).unwrap_or_default();
        match kind {
            "PrometheusRule" | "AlertingRule" | "RecordingRule" => {
                // Without a `spec` the resource itself is told that it has no groups.
                let spec = self.tree.get(id, "spec");
                let owner = spec.unwrap_or(id);
                self.found.push(Section {
                    owner,
                    document: self.document,
                    shape: Shape::Resource,
                    is_loki: kind != "PrometheusRule",
                    is_shared: is_shared
                        || self.tree.is_shared(owner)
                        || self.tree.own(id, "spec").is_none(),
                });
            }
            kind if kind.ends_with("List") && depth < MOST_LISTS => {
                let Some(items) = self.tree.get(id, "items") else {
                    return;
                };
                let is_shared = is_shared || self.tree.is_shared(items);
                for item in self.tree.items(items).unwrap_or_default() {
                    self.resource(*item, is_shared, depth + 1);
                }
            }
            _ => {}
        }
    }
}
