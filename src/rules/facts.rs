//! What a YAML text says, apart from how it says it.

use super::yaml::{Kind, NodeId, Tree};
use granit_parser::ScalarStyle;
use std::collections::BTreeMap;

/// A leaf: the way to it, and what stands there.
pub(super) type Fact = (String, String);

impl Tree {
    /// Everything the text says, one entry for each leaf, in the order of the text.
    ///
    /// Two texts with equal facts hold equal data; quotes and comments are no data.
    pub(super) fn facts(&self) -> Vec<Fact> {
        let mut facts = Vec::new();
        let mut ways = BTreeMap::new();
        for (number, document) in self.documents.iter().enumerate() {
            let way = Self::way_of_document(number);
            self.collect_facts(document.root, &way, &mut ways, &mut facts);
        }
        facts
    }

    /// The way to the root of a document.
    pub(super) fn way_of_document(number: usize) -> String {
        if number == 0 {
            String::new()
        } else {
            format!("document {number}")
        }
    }

    fn collect_facts(
        &self,
        id: NodeId,
        way: &str,
        ways: &mut BTreeMap<NodeId, String>,
        facts: &mut Vec<Fact>,
    ) {
        let node = self.node(id);
        if node.anchored {
            ways.insert(id, way.to_owned());
        }
        let fact = match &node.kind {
            Kind::Mapping { pairs, .. } if !pairs.is_empty() => {
                for (key, value) in pairs {
                    let way = format!("{way}/{}", self.key_text(*key));
                    self.collect_facts(*value, &way, ways, facts);
                }
                return;
            }
            Kind::Sequence { items } if !items.is_empty() => {
                for (number, item) in items.iter().enumerate() {
                    self.collect_facts(*item, &format!("{way}/{number}"), ways, facts);
                }
                return;
            }
            Kind::Mapping { .. } => "{}".to_owned(),
            Kind::Sequence { .. } => "[]".to_owned(),
            Kind::Alias { target } => format!("*{}", ways.get(target).map_or("", String::as_str)),
            Kind::Scalar { .. } if self.is_null(id) => "~".to_owned(),
            Kind::Scalar { value, style } => {
                let plain = *style == ScalarStyle::Plain;
                let mark = if plain { "plain" } else { "text" };
                format!("{} {mark} {value}", node.tag.as_deref().unwrap_or(""))
            }
        };
        facts.push((way.to_owned(), fact));
    }

    fn key_text(&self, key: NodeId) -> String {
        match self.scalar(key) {
            Some(value) => value.replace('/', "//"),
            // A key that is no scalar has no name; its place among the nodes tells it from others.
            None => format!("?{:?}", self.node(key).kind),
        }
    }
}
