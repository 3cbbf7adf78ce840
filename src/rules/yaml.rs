//! A YAML file as a tree that knows its bytes. The only user of the parser.

use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle};
use std::ops::Range;

/// A node of the first document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Its bytes; a block collection begins at its first key or dash and ends with its last scalar.
    pub(super) span: Range<usize>,
    /// It carries a YAML anchor, so that others may refer to it.
    pub(super) is_anchored: bool,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text; `is_plain` where it is written without quotes.
    Scalar { value: String, is_plain: bool },
    /// Pairs in their order.
    Map {
        pairs: Vec<(Node, Node)>,
        is_block: bool,
    },
    /// Items in their order.
    List { items: Vec<Node> },
    /// A reference to another node.
    Alias,
}

/// Why a file is not one YAML document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) at: usize,
    pub(super) what: String,
}

impl Node {
    pub(super) fn scalar(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { value, .. } => Some(value),
            _ => None,
        }
    }

    pub(super) fn pairs(&self) -> &[(Node, Node)] {
        match &self.kind {
            Kind::Map { pairs, .. } => pairs,
            _ => &[],
        }
    }

    pub(super) fn items(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::List { items } => Some(items),
            _ => None,
        }
    }

    /// The value of a key, where the node is a mapping that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.pair(key).map(|(_, value)| value)
    }

    pub(super) fn pair(&self, key: &str) -> Option<&(Node, Node)> {
        self.pairs()
            .iter()
            .find(|(own, _)| own.scalar() == Some(key))
    }

    /// YAML 1.2 §10.2.1.1: what Go's decoder takes for nothing.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { value, is_plain: true }
            if matches!(value.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }
}

/// The document of `text`, `None` where it holds nothing; more than one document is an error.
pub(super) fn parse(text: &str) -> Result<Option<Node>, Broken> {
    let offset = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut reader = Reader {
        parser: Parser::new_from_str(&text[offset..]),
        offset,
    };
    let mut document = None;
    loop {
        let (event, span) = reader.next()?;
        match event {
            Event::StreamEnd => return Ok(document),
            Event::StreamStart | Event::DocumentEnd | Event::DocumentStart(..) => {}
            event => {
                let at = reader.range(&span).start;
                let node = reader.node(event, &span)?;
                if document.is_some() {
                    return Err(Broken {
                        at,
                        what: "a second YAML document, which Prometheus ignores".to_owned(),
                    });
                }
                document = Some(node);
            }
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    offset: usize,
}

impl<'a> Reader<'a> {
    /// The next event that is data.
    fn next(&mut self) -> Result<(Event<'a>, Span), Broken> {
        loop {
            match self.parser.next_event() {
                None => {
                    return Ok((
                        Event::StreamEnd,
                        Span::empty(granit_parser::Marker::new(0, 1, 0)),
                    ));
                }
                Some(Ok((Event::Comment(..), _))) => {}
                Some(Ok(event)) => return Ok(event),
                Some(Err(error)) => {
                    return Err(Broken {
                        at: self.offset + error.marker().byte_offset().unwrap_or(0),
                        what: error.info().clone(),
                    });
                }
            }
        }
    }

    fn range(&self, span: &Span) -> Range<usize> {
        let range = span.byte_range().unwrap_or(0..0);
        self.offset + range.start..self.offset + range.end
    }

    fn node(&mut self, event: Event<'a>, span: &Span) -> Result<Node, Broken> {
        let span = self.range(span);
        let node = |kind, span, anchor: usize| Node {
            kind,
            span,
            is_anchored: anchor != 0,
        };
        match event {
            Event::Scalar(value, style, anchor, _) => {
                let kind = Kind::Scalar {
                    value: value.into_owned(),
                    is_plain: style == ScalarStyle::Plain,
                };
                Ok(node(kind, span, anchor))
            }
            Event::SequenceStart(_, anchor, _) => {
                let (items, end) = self.items(span.end)?;
                Ok(node(Kind::List { items }, span.start..end, anchor))
            }
            Event::MappingStart(style, anchor, _) => {
                let (nodes, end) = self.items(span.end)?;
                let is_block = style == StructureStyle::Block;
                let mut nodes = nodes.into_iter();
                let mut pairs = Vec::new();
                while let (Some(key), Some(value)) = (nodes.next(), nodes.next()) {
                    pairs.push((key, value));
                }
                Ok(node(Kind::Map { pairs, is_block }, span.start..end, anchor))
            }
            _ => Ok(node(Kind::Alias, span, 0)),
        }
    }

    /// Nodes up to the end of the collection; where it ends in the file.
    fn items(&mut self, start: usize) -> Result<(Vec<Node>, usize), Broken> {
        let mut nodes: Vec<Node> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd | Event::MappingEnd) {
                let own = self.range(&span);
                let last = nodes.last().map_or(start, |node| node.span.end);
                // A flow collection ends with its bracket, a block one with what is in it.
                let end = if own.is_empty() { last } else { own.end };
                return Ok((nodes, end));
            }
            nodes.push(self.node(event, &span)?);
        }
    }
}
