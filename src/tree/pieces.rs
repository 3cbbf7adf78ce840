//! The block structure of a list as mdBook's parser sees it: items, their paragraphs, fences, lists.

use mdbook_markdown::pulldown_cmark::{Event, Tag, TagEnd};
use std::ops::Range;

/// An event of the parser with its bytes in the file.
pub(super) type Spanned<'a> = (Event<'a>, Range<usize>);

/// One block.
#[derive(Debug)]
pub(super) enum Piece<'e, 'a> {
    /// A paragraph, or the text of a tight item.
    Text(&'e [Spanned<'a>], Range<usize>),
    /// A code block.
    Fence(Range<usize>),
    /// A list.
    List(Vec<Item<'e, 'a>>, Range<usize>),
    /// Anything else, as a table or a quote.
    Other(Range<usize>),
}

/// An item of a list.
#[derive(Debug)]
pub(super) struct Item<'e, 'a> {
    pub(super) pieces: Vec<Piece<'e, 'a>>,
    pub(super) span: Range<usize>,
}

/// Groups `events`, which are whole blocks.
pub(super) fn pieces<'e, 'a>(events: &'e [Spanned<'a>]) -> Vec<Piece<'e, 'a>> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some((event, span)) = events.get(at) {
        let end = end_of(events, at);
        let piece = match event {
            Event::Start(Tag::Paragraph) => Piece::Text(&events[at + 1..end - 1], span.clone()),
            Event::Start(Tag::CodeBlock(_)) => Piece::Fence(span.clone()),
            Event::Start(Tag::List(_)) => {
                Piece::List(items(&events[at + 1..end - 1]), span.clone())
            }
            Event::Start(tag) if !is_inline(tag) => Piece::Other(span.clone()),
            Event::Html(_) | Event::Rule => Piece::Other(span.clone()),
            _ => {
                let end = inline_end(events, at);
                let span = span.start..events[end - 1].1.end.max(span.end);
                pieces.push(Piece::Text(&events[at..end], span));
                at = end;
                continue;
            }
        };
        pieces.push(piece);
        at = end;
    }
    pieces
}

fn items<'e, 'a>(events: &'e [Spanned<'a>]) -> Vec<Item<'e, 'a>> {
    let mut items = Vec::new();
    let mut at = 0;
    while let Some((_, span)) = events.get(at) {
        let end = end_of(events, at);
        items.push(Item {
            pieces: pieces(&events[at + 1..end.max(at + 2) - 1]),
            span: span.clone(),
        });
        at = end;
    }
    items
}

/// The index after the end of the element that begins at `at`.
fn end_of(events: &[Spanned<'_>], at: usize) -> usize {
    let mut depth = 0_usize;
    for (index, (event, _)) in events.iter().enumerate().skip(at) {
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return index + 1;
        }
    }
    events.len()
}

/// The index after the inline elements that begin at `at`.
fn inline_end(events: &[Spanned<'_>], mut at: usize) -> usize {
    while let Some((event, _)) = events.get(at) {
        match event {
            Event::Start(tag) if !is_inline(tag) => break,
            Event::Html(_) | Event::Rule | Event::End(TagEnd::Item) => break,
            _ => at = end_of(events, at),
        }
    }
    at
}

fn is_inline(tag: &Tag<'_>) -> bool {
    matches!(
        tag,
        Tag::Emphasis
            | Tag::Strong
            | Tag::Strikethrough
            | Tag::Link { .. }
            | Tag::Image { .. }
            | Tag::Superscript
            | Tag::Subscript
    )
}
