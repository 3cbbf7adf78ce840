//! A YAML text as a tree of nodes, each with its bytes.
//!
//! Everything is as written: aliases and merge keys are followed only by those who ask.

use granit_parser::{Event, Options, Parser, ScalarStyle, Span, StructureStyle};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;

/// A node's number in its [`Tree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct NodeId(usize);

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A scalar after YAML's escapes and folding.
    Scalar { value: String, style: ScalarStyle },
    /// A mapping: keys and values in their order, `flow` in braces.
    Mapping {
        pairs: Vec<(NodeId, NodeId)>,
        flow: bool,
    },
    /// A sequence, `flow` in brackets.
    Sequence { items: Vec<NodeId> },
    /// `*name`, and the node that it stands for.
    Alias { target: NodeId },
}

/// A node of the tree.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// What it is.
    pub(super) kind: Kind,
    /// Its bytes, without its tag, its YAML anchor and the header of a block scalar; a block ends
    /// with the last byte that is not white space.
    pub(super) span: Range<usize>,
    /// Whether `&name` stands before it.
    pub(super) anchored: bool,
    /// The first alias that stands for it.
    pub(super) alias: Option<NodeId>,
    /// Its tag in full, if it is written.
    pub(super) tag: Option<String>,
}

/// One document of the stream.
#[derive(Debug, Clone)]
pub(super) struct Document {
    /// Where it begins: its `---`, or its first node.
    pub(super) start: usize,
    /// Its one node.
    pub(super) root: NodeId,
}

/// Why a text is not YAML, and at which byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) what: String,
    pub(super) at: usize,
}

/// A key of a mapping with its value, aliases and merge keys followed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) name: &'a str,
    pub(super) key: NodeId,
    /// The value as it stands behind the key.
    pub(super) value: NodeId,
}

/// All nodes of a text.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// The documents in their order.
    pub(super) documents: Vec<Document>,
}

impl Tree {
    /// Reads a whole text.
    pub(super) fn parse(text: &str) -> Result<Self, Broken> {
        let mut builder = Builder {
            text,
            tree: Self::default(),
            open: Vec::new(),
            anchors: BTreeMap::new(),
            start: 0,
        };
        for event in Parser::new_from_str_with_options(text, options()) {
            match event {
                Ok((event, span)) => builder.take(event, &span),
                Err(error) => {
                    return Err(Broken {
                        what: error.info(),
                        at: error.marker().byte_offset().unwrap_or(0).min(text.len()),
                    });
                }
            }
        }
        Ok(builder.tree)
    }

    /// The node as it is written.
    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// The node that an alias stands for, or the node itself.
    pub(super) fn target(&self, id: NodeId) -> NodeId {
        match self.node(id).kind {
            Kind::Alias { target } => target,
            _ => id,
        }
    }

    /// Whether it stands in a second place, too: it is an alias, or an alias stands for it.
    pub(super) fn is_shared(&self, id: NodeId) -> bool {
        self.target(id) != id || self.node(id).alias.is_some()
    }

    /// The text of a scalar, alias followed.
    pub(super) fn scalar(&self, id: NodeId) -> Option<&str> {
        match &self.node(self.target(id)).kind {
            Kind::Scalar { value, .. } => Some(value),
            _ => None,
        }
    }

    /// Whether it is nothing, `~` or `null`, alias followed.
    pub(super) fn is_null(&self, id: NodeId) -> bool {
        let node = self.node(self.target(id));
        matches!(&node.kind, Kind::Scalar { value, style: ScalarStyle::Plain }
            if matches!(value.as_str(), "" | "~" | "null" | "Null" | "NULL"))
            && node.tag.is_none()
    }

    /// The items of a sequence, alias followed.
    pub(super) fn items(&self, id: NodeId) -> Option<&[NodeId]> {
        match &self.node(self.target(id)).kind {
            Kind::Sequence { items } => Some(items),
            _ => None,
        }
    }

    /// The keys and values of a mapping, alias followed, merge keys as they are written.
    pub(super) fn pairs(&self, id: NodeId) -> Option<&[(NodeId, NodeId)]> {
        match &self.node(self.target(id)).kind {
            Kind::Mapping { pairs, .. } => Some(pairs),
            _ => None,
        }
    }

    /// The fields of a mapping as a reader sees them: merge keys followed, own keys before them.
    pub(super) fn fields(&self, id: NodeId) -> Vec<Field<'_>> {
        let mut fields = Vec::new();
        let mut seen = Seen::default();
        // Aliases may make a circle, or name one mapping a billion times; once is enough.
        let mut merged = BTreeSet::new();
        let mut waiting = VecDeque::from([id]);
        while let Some(id) = waiting.pop_front().map(|id| self.target(id)) {
            if !merged.insert(id) {
                continue;
            }
            let mut next = Vec::new();
            for &(key, value) in self.pairs(id).unwrap_or_default() {
                match self.scalar(key) {
                    Some(_) if self.is_merge_key(key) => match self.items(value) {
                        Some(items) => next.extend_from_slice(items),
                        None => next.push(value),
                    },
                    Some(name) if seen.earlier(name, key).is_none() => {
                        fields.push(Field { name, key, value });
                    }
                    _ => {}
                }
            }
            // What a merged mapping merges itself stands before its next sibling.
            for id in next.into_iter().rev() {
                waiting.push_front(id);
            }
        }
        fields
    }

    /// The value of a field, merge keys followed.
    pub(super) fn get(&self, id: NodeId, name: &str) -> Option<NodeId> {
        let pairs = self.pairs(id)?;
        if pairs.iter().any(|(key, _)| self.is_merge_key(*key)) {
            let mut fields = self.fields(id).into_iter();
            return fields
                .find(|field| field.name == name)
                .map(|field| field.value);
        }
        self.own(id, name).map(|(_, value)| value)
    }

    /// The key and value that stand in the mapping itself.
    pub(super) fn own(&self, id: NodeId, name: &str) -> Option<(NodeId, NodeId)> {
        self.pairs(id)?
            .iter()
            .copied()
            .find(|(key, _)| self.scalar(*key) == Some(name))
    }

    /// Whether a key is `<<`.
    pub(super) fn is_merge_key(&self, key: NodeId) -> bool {
        matches!(&self.node(key).kind, Kind::Scalar { value, style: ScalarStyle::Plain } if value == "<<")
    }

    /// Each key that stands in its mapping already, after the one that came first.
    pub(super) fn duplicate_keys(&self) -> impl Iterator<Item = (NodeId, NodeId)> {
        self.mappings().flat_map(move |pairs| {
            let mut seen = Seen::default();
            pairs.iter().filter_map(move |(key, _)| {
                let first = seen.earlier(self.scalar(*key)?, *key)?;
                Some((first, *key))
            })
        })
    }

    /// Every scalar in double quotes, and its bytes.
    pub(super) fn double_quoted(&self) -> impl Iterator<Item = (NodeId, Range<usize>)> {
        let is_double = |node: &Node| {
            matches!(
                node.kind,
                Kind::Scalar {
                    style: ScalarStyle::DoubleQuoted,
                    ..
                }
            )
        };
        let nodes = self.nodes.iter().enumerate();
        nodes
            .filter(move |(_, node)| is_double(node))
            .map(|(number, node)| (NodeId(number), node.span.clone()))
    }

    /// Every mapping of the text.
    pub(super) fn mappings(&self) -> impl Iterator<Item = &[(NodeId, NodeId)]> {
        self.nodes.iter().filter_map(|node| match &node.kind {
            Kind::Mapping { pairs, .. } => Some(pairs.as_slice()),
            _ => None,
        })
    }
}

/// Keys of one mapping by their names.
#[derive(Default)]
struct Seen<'a> {
    few: Vec<(&'a str, NodeId)>,
    more: BTreeMap<&'a str, NodeId>,
}

impl<'a> Seen<'a> {
    /// Rules and annotations have no more keys than are faster compared than sorted.
    const FEW: usize = 12;

    /// The key of this name that came before; none makes this one the first.
    fn earlier(&mut self, name: &'a str, key: NodeId) -> Option<NodeId> {
        if let Some((_, first)) = self.few.iter().find(|(one, _)| *one == name) {
            return Some(*first);
        }
        if self.few.len() < Self::FEW {
            self.few.push((name, key));
            return None;
        }
        match self.more.entry(name) {
            Entry::Occupied(first) => Some(*first.get()),
            Entry::Vacant(place) => {
                place.insert(key);
                None
            }
        }
    }
}

fn options() -> Options {
    let mut options = Options::default();
    options.set_emit_comments(false);
    options
}

/// A collection whose end has not come yet.
struct Open {
    id: NodeId,
    children: Vec<NodeId>,
}

struct Builder<'a> {
    text: &'a str,
    tree: Tree,
    open: Vec<Open>,
    anchors: BTreeMap<usize, NodeId>,
    start: usize,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: &Span) {
        let bytes = span.byte_range().unwrap_or(0..0);
        match event {
            Event::DocumentStart(..) => {
                self.start = bytes.start;
                self.anchors.clear();
            }
            Event::Scalar(value, style, anchor, tag) => {
                let span = self.without_trailing_space(bytes, style);
                let value = value.into_owned();
                let id = self.add(Kind::Scalar { value, style }, span);
                self.name(id, anchor, tag.map(|tag| tag.original()));
            }
            Event::Alias(anchor) => {
                let target = self.anchors.get(&anchor).copied();
                let kind = match target {
                    Some(target) => Kind::Alias { target },
                    None => Kind::Sequence { items: Vec::new() },
                };
                let id = self.add(kind, bytes);
                if let Some(target) = target {
                    self.tree.nodes[target.0].alias.get_or_insert(id);
                }
            }
            Event::SequenceStart(_, anchor, tag) => {
                let items = Vec::new();
                self.begin(
                    Kind::Sequence { items },
                    bytes,
                    anchor,
                    tag.map(|t| t.original()),
                );
            }
            Event::MappingStart(style, anchor, tag) => {
                let flow = style == StructureStyle::Flow;
                let pairs = Vec::new();
                self.begin(
                    Kind::Mapping { pairs, flow },
                    bytes,
                    anchor,
                    tag.map(|t| t.original()),
                );
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(&bytes),
            _ => {}
        }
    }

    /// A block scalar's bytes go on to the next token; what follows its text is not its own.
    fn without_trailing_space(&self, span: Range<usize>, style: ScalarStyle) -> Range<usize> {
        if !matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
            return span;
        }
        let length = self.text[span.clone()].trim_end().len();
        span.start..span.start + length
    }

    fn add(&mut self, kind: Kind, span: Range<usize>) -> NodeId {
        let id = NodeId(self.tree.nodes.len());
        self.tree.nodes.push(Node {
            kind,
            span,
            anchored: false,
            alias: None,
            tag: None,
        });
        match self.open.last_mut() {
            Some(open) => open.children.push(id),
            None => self.tree.documents.push(Document {
                start: self.start,
                root: id,
            }),
        }
        id
    }

    fn name(&mut self, id: NodeId, anchor: usize, tag: Option<String>) {
        let node = &mut self.tree.nodes[id.0];
        node.tag = tag;
        if anchor != 0 {
            node.anchored = true;
            self.anchors.insert(anchor, id);
        }
    }

    fn begin(&mut self, kind: Kind, span: Range<usize>, anchor: usize, tag: Option<String>) {
        let id = self.add(kind, span);
        self.name(id, anchor, tag);
        let children = Vec::new();
        self.open.push(Open { id, children });
    }

    fn end(&mut self, bytes: &Range<usize>) {
        let Some(Open { id, children }) = self.open.pop() else {
            return;
        };
        // The end of a block has no bytes of its own and lies at the next token.
        let end = match children.last() {
            Some(last) if bytes.is_empty() => self.tree.node(*last).span.end,
            _ => bytes.end,
        };
        let node = &mut self.tree.nodes[id.0];
        node.span.end = end.max(node.span.start);
        match &mut node.kind {
            Kind::Mapping { pairs, .. } => {
                *pairs = children
                    .chunks_exact(2)
                    .map(|pair| (pair[0], pair[1]))
                    .collect();
            }
            Kind::Sequence { items } => *items = children,
            Kind::Scalar { .. } | Kind::Alias { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_knows_the_bytes_of_its_nodes() {
        let text = "\u{feff}é: &a {x: y}\nb: |\n  t\n\nc: *a\n";
        let tree = Tree::parse(text).unwrap();
        let root = tree.documents[0].root;
        let (_, value) = tree.own(root, "é").unwrap();
        assert_eq!(&text[tree.node(value).span.clone()], "{x: y}");
        assert!(tree.node(value).anchored);
        let (_, block) = tree.own(root, "b").unwrap();
        assert_eq!(&text[tree.node(block).span.clone()], "t");
        let (_, alias) = tree.own(root, "c").unwrap();
        assert_eq!(tree.scalar(tree.get(alias, "x").unwrap()), Some("y"));
    }

    #[test]
    fn merge_keys_give_way_to_own_keys() {
        let tree = Tree::parse("a: &a {x: 1, y: 1}\nb: {<<: [*a], x: 2}\n").unwrap();
        let b = tree.get(tree.documents[0].root, "b").unwrap();
        assert_eq!(tree.scalar(tree.get(b, "x").unwrap()), Some("2"));
        assert_eq!(tree.scalar(tree.get(b, "y").unwrap()), Some("1"));
    }

    #[test]
    fn broken_text_has_a_place() {
        assert_eq!(Tree::parse("a:\n\tb: 1\n").unwrap_err().at, 4);
        assert!(Tree::parse("a: [\n").is_err());
    }
}
