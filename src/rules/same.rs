//! Whether two texts say the same, apart from links that were planned.
//!
//! Quotes, comments and the style of collections say nothing; that a text is quoted where it might
//! be taken for a number does.

use super::yaml::{Kind, NodeId, Tree};
use granit_parser::ScalarStyle;
use std::collections::HashMap;

/// A key and its value.
type Pair = (NodeId, NodeId);

/// An old text and a new one.
pub(super) struct Comparison<'a> {
    pub(super) old: &'a Tree,
    pub(super) new: &'a Tree,
    /// The annotation that holds links.
    pub(super) annotation: &'a str,
    /// Rules of the old text, and the link that each is to have in the new one, or none.
    pub(super) planned: HashMap<NodeId, Option<&'a str>>,
}

impl Comparison<'_> {
    /// Whether the new text says what the old one does, and each planned rule has its link once.
    pub(super) fn holds(&self) -> bool {
        let mut walk = Walk {
            of: self,
            counterparts: HashMap::new(),
            aliases: Vec::new(),
            n_planned: 0,
        };
        let (old, new) = (&self.old.documents, &self.new.documents);
        let roots = old.iter().zip(new).map(|(old, new)| (old.root, new.root));
        old.len() == new.len()
            && roots.into_iter().all(|(old, new)| walk.nodes(old, new))
            && walk.n_planned == self.planned.len()
            && walk.aliases_agree()
    }
}

struct Walk<'a> {
    of: &'a Comparison<'a>,
    /// What has a YAML anchor in the old text, and what stands in its place in the new one.
    counterparts: HashMap<NodeId, NodeId>,
    /// What aliases stand for, in the old and the new text.
    aliases: Vec<(NodeId, NodeId)>,
    /// Planned rules that were met.
    n_planned: usize,
}

impl Walk<'_> {
    fn nodes(&mut self, old: NodeId, new: NodeId) -> bool {
        if !self.marks(old, new) {
            return false;
        }
        let (before, after) = (self.of.old.node(old), self.of.new.node(new));
        match (&before.kind, &after.kind) {
            (Kind::Mapping { pairs, .. }, Kind::Mapping { pairs: new, .. }) => {
                match self.of.planned.get(&old) {
                    Some(url) => self.rules(pairs, new, *url),
                    None => self.pairs(pairs.iter(), new.iter()),
                }
            }
            (Kind::Sequence { items }, Kind::Sequence { items: new }) => {
                let mut both = items.iter().zip(new);
                items.len() == new.len() && both.all(|(old, new)| self.nodes(*old, *new))
            }
            (Kind::Alias { target }, Kind::Alias { target: new }) => {
                self.aliases.push((*target, *new));
                true
            }
            (
                Kind::Scalar { value, style },
                Kind::Scalar {
                    value: new_value,
                    style: new_style,
                },
            ) => {
                let is_plain = |style: ScalarStyle| style == ScalarStyle::Plain;
                value == new_value && is_plain(*style) == is_plain(*new_style)
            }
            _ => false,
        }
    }

    /// What stands before a node: its tag and its YAML anchor.
    fn marks(&mut self, old: NodeId, new: NodeId) -> bool {
        let (before, after) = (self.of.old.node(old), self.of.new.node(new));
        if before.anchored {
            self.counterparts.insert(old, new);
        }
        (before.anchored, &before.tag) == (after.anchored, &after.tag)
    }

    fn pairs<'b>(
        &mut self,
        mut old: impl Iterator<Item = &'b Pair>,
        mut new: impl Iterator<Item = &'b Pair>,
    ) -> bool {
        loop {
            match (old.next(), new.next()) {
                (Some(old), Some(new)) => {
                    if !self.nodes(old.0, new.0) || !self.nodes(old.1, new.1) {
                        return false;
                    }
                }
                (None, None) => return true,
                _ => return false,
            }
        }
    }

    /// Planned rules may differ in their link, and in whether they have annotations for it.
    fn rules(&mut self, old: &[Pair], new: &[Pair], url: Option<&str>) -> bool {
        self.n_planned += 1;
        let (before, after) = (self.of.old, self.of.new);
        let (old_annotations, old) = apart(before, old, "annotations");
        let (new_annotations, new) = apart(after, new, "annotations");
        let (Some(old_entries), Some(new_entries)) = (
            entries(before, &old_annotations),
            entries(after, &new_annotations),
        ) else {
            return false;
        };
        if let (Some(old), Some(new)) = (old_annotations.first(), new_annotations.first()) {
            // A mapping that stays one keeps its marks; nothing has none to keep.
            let both = before.pairs(old.1).is_some() && after.pairs(new.1).is_some();
            if !self.nodes(old.0, new.0) || both && !self.marks(old.1, new.1) {
                return false;
            }
        }
        self.pairs(old.into_iter(), new.into_iter()) && self.links(old_entries, new_entries, url)
    }

    /// Annotations that may differ in their link.
    fn links(&mut self, old: &[Pair], new: &[Pair], url: Option<&str>) -> bool {
        let annotation = self.of.annotation;
        let (old_links, old) = apart(self.of.old, old, annotation);
        let (new_links, new) = apart(self.of.new, new, annotation);
        let is_right = match (old_links.as_slice(), new_links.as_slice(), url) {
            ([_], [], None) => true,
            ([], [(_, value)], Some(url)) => text(self.of.new, *value) == Some(url),
            ([(old, _)], [(key, value)], Some(url)) => {
                text(self.of.new, *value) == Some(url) && self.nodes(*old, *key)
            }
            _ => false,
        };
        is_right && self.pairs(old.into_iter(), new.into_iter())
    }

    fn aliases_agree(&self) -> bool {
        let mut aliases = self.aliases.iter();
        aliases.all(|(old, new)| self.counterparts.get(old) == Some(new))
    }
}

/// The pairs with this key, and the others.
fn apart<'a>(tree: &Tree, pairs: &'a [Pair], name: &str) -> (Vec<&'a Pair>, Vec<&'a Pair>) {
    pairs
        .iter()
        .partition(|(key, _)| tree.scalar(*key) == Some(name))
}

/// The entries of annotations, which may be nothing or not there; `None` where they are something
/// else, or stand there twice.
fn entries<'a>(tree: &'a Tree, annotations: &[&Pair]) -> Option<&'a [Pair]> {
    let annotations = match annotations {
        [] => return Some(&[]),
        [(_, value)] => *value,
        _ => return None,
    };
    match &tree.node(annotations).kind {
        Kind::Mapping { pairs, .. } => Some(pairs),
        Kind::Scalar { .. } if tree.is_null(annotations) => Some(&[]),
        _ => None,
    }
}

/// A scalar that is certainly a text.
fn text(tree: &Tree, id: NodeId) -> Option<&str> {
    match &tree.node(id).kind {
        Kind::Scalar { value, style } if *style != ScalarStyle::Plain => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://r.example/a.html";

    /// Whether the texts say the same, but for the links that the first rules of a list are to have.
    fn same(old: &str, new: &str, planned: &[Option<&str>]) -> bool {
        let [old, new] = [old, new].map(|text| Tree::parse(text).unwrap());
        let rules = old.items(old.documents[0].root).unwrap_or_default();
        let planned = rules.iter().copied().zip(planned.iter().copied());
        let comparison = Comparison {
            old: &old,
            new: &new,
            annotation: "runbook_url",
            planned: planned.collect(),
        };
        comparison.holds()
    }

    #[test]
    fn style_says_nothing_and_all_else_does() {
        let old = "a: [1, 'x']\nb: &b {c: ~}\nd: *b\n---\ne: f\n";
        let same = |new: &str| same(old, new, &[]);
        assert!(same(
            "# why\na:\n- 1\n- \"x\"\nb: &z\n  c: ~\nd: *z\n---\n{e: f}\n"
        ));
        for (new, what) in [
            ("a: ['1', 'x']\nb: &b {c: ~}\nd: *b\n---\ne: f\n", "quotes"),
            ("a: [1, x]\nb: &b {c: ~}\nd: *b\n---\ne: f\n", "no quotes"),
            ("a: [1, 'x']\nb: &b {c: ~}\nd: {c: ~}\n---\ne: f\n", "alias"),
            ("a: &a [1, 'x']\nb: {c: ~}\nd: *a\n---\ne: f\n", "target"),
            ("a: [1, 'x']\nb: &b {c: ~}\nd: *b\n", "document"),
            ("a: [1]\nb: &b {c: ~}\nd: *b\n---\ne: f\n", "item"),
            ("b: &b {c: ~}\na: [1, 'x']\nd: *b\n---\ne: f\n", "order"),
            (
                "a: [1, 'x']\nb: &b {c: ~}\nd: *b\n---\n{e: !!str f}\n",
                "tag",
            ),
        ] {
            assert!(!same(new), "{what}");
        }
    }

    #[test]
    fn a_planned_link_is_there_once_and_as_text() {
        let new = |annotations: &str| format!("- {{alert: A, {annotations}}}\n");
        let link = |old: &str, annotations: &str| same(old, &new(annotations), &[Some(URL)]);
        let quoted = format!("runbook_url: '{URL}'");
        let right = format!("annotations: {{{quoted}}}");
        for old in ["", "annotations: ", "annotations: {}", "annotations: ~"] {
            assert!(link(&new(old), &right), "{old}");
        }
        assert!(link(
            &new("annotations: {a: b, runbook_url: old}"),
            &format!("annotations: {{{quoted}, a: b}}")
        ));
        let bare = "- {alert: A}\n";
        for wrong in [
            String::new(),
            format!("annotations: {{runbook_url: {URL}}}"),
            format!("annotations: {{{quoted}, {quoted}}}"),
            format!("annotations: {{{quoted}, a: b}}"),
            format!("annotations: {{runbook_url: '{URL}/'}}"),
            format!("{right}, {right}"),
            format!("{right}, for: 5m"),
        ] {
            assert!(!link(bare, &wrong), "{wrong}");
        }
        assert!(!link(&new("annotations: [a]"), &right));
    }

    #[test]
    fn a_link_taken_out_takes_nothing_else_along() {
        let old = "- {alert: A, annotations: {a: b, runbook_url: x}}\n- {alert: B}\n";
        let removed = |new: &str| same(old, new, &[None]);
        assert!(removed("- {alert: A, annotations: {a: b}}\n- {alert: B}\n"));
        assert!(!removed(old));
        assert!(!removed("- {alert: A}\n- {alert: B}\n"));
        let only = "- {alert: A, annotations: {runbook_url: x}}\n";
        for left in ["", ", annotations: {}", ", annotations: "] {
            assert!(same(only, &format!("- {{alert: A{left}}}\n"), &[None]));
        }
    }
}
