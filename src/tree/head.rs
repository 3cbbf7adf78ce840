//! The first paragraph of an item: its condition in bold, and what follows it.

use super::condition::Word;
use super::pieces::Spanned;
use mdbook_markdown::pulldown_cmark::{Event, Tag, TagEnd};
use std::ops::Range;

/// The first paragraph of an item.
#[derive(Debug)]
pub(super) struct Head {
    /// The texts of the condition, any of which must hold, each with its bytes.
    pub(super) words: Vec<(Vec<Word>, Range<usize>)>,
    /// The bytes of the condition.
    pub(super) condition: Range<usize>,
    /// The condition without markup.
    pub(super) condition_text: String,
    /// The bytes of what follows it.
    pub(super) text: Range<usize>,
    /// The same without markup.
    pub(super) plain: String,
}

impl Head {
    /// An item without a paragraph.
    pub(super) fn at(start: usize) -> Self {
        Self {
            words: Vec::new(),
            condition: start..start,
            condition_text: String::new(),
            text: start..start,
            plain: String::new(),
        }
    }

    /// Reads the leading strong texts of `events`, and what follows them in `source`.
    pub(super) fn read(events: &[Spanned<'_>], span: &Range<usize>, source: &str) -> Self {
        let mut head = Self::at(span.start);
        let mut at = 0;
        while is_strong(events.get(at)) {
            let end = after_strong(events, at);
            let whole = events[at].1.clone();
            head.condition.end = whole.end;
            head.words.push((words(&events[at + 1..end - 1]), whole));
            at = end;
            let next = at + events[at..].iter().take_while(|e| is_text(e)).count();
            let between = plain(&events[at..next]);
            if next == at || !is_strong(events.get(next)) {
                break;
            }
            match between.trim_start_matches(',').trim() {
                "or" => {}
                // What joins two conditions otherwise is no condition: it must not go unseen.
                "" | "and" | "/" | "&" => {
                    let span = events[at].1.start..events[next].1.start;
                    head.words.push((vec![Word::Text(between)], span));
                }
                _ => break,
            }
            at = next;
        }
        head.condition_text = plain_until(events, head.condition.end);
        let blank = [':', ',', ' ', '\t', '\n', '\r', '\u{a0}'];
        let end = span.start + source[span.clone()].trim_end().len();
        let rest = source[head.condition.end..span.end].trim_start_matches(blank);
        let start = span.end - rest.len();
        head.text = start..end.max(start);
        let plain = plain(&events[at.min(events.len())..]);
        plain
            .trim_start_matches(blank)
            .trim()
            .clone_into(&mut head.plain);
        head
    }
}

fn is_strong(event: Option<&Spanned<'_>>) -> bool {
    matches!(event, Some((Event::Start(Tag::Strong), _)))
}

fn is_text(event: &Spanned<'_>) -> bool {
    matches!(
        event.0,
        Event::Text(_) | Event::SoftBreak | Event::HardBreak
    )
}

/// The index after the strong text that begins at `at`.
fn after_strong(events: &[Spanned<'_>], at: usize) -> usize {
    events[at..]
        .iter()
        .position(|(event, _)| matches!(event, Event::End(TagEnd::Strong)))
        .map_or(events.len(), |end| at + end + 1)
}

fn words(events: &[Spanned<'_>]) -> Vec<Word> {
    events
        .iter()
        .filter_map(|(event, _)| match event {
            Event::Code(text) => Some(Word::Code(text.to_string())),
            Event::Text(text) => Some(Word::Text(text.to_string())),
            Event::SoftBreak | Event::HardBreak => Some(Word::Text(" ".to_owned())),
            _ => None,
        })
        .collect()
}

/// Text without markup.
pub(super) fn plain(events: &[Spanned<'_>]) -> String {
    plain_until(events, usize::MAX)
}

fn plain_until(events: &[Spanned<'_>], end: usize) -> String {
    let text: String = events
        .iter()
        .take_while(|(_, span)| span.start < end)
        .filter_map(|(event, _)| match event {
            Event::Text(text) | Event::Code(text) => Some(text.as_ref()),
            Event::SoftBreak | Event::HardBreak => Some(" "),
            _ => None,
        })
        .collect();
    text.trim().to_owned()
}

/// The question in a text: its last sentence that asks, with the one before it where it is only
/// a word like *Why?*; the whole text if none asks.
pub(super) fn question(text: &str) -> String {
    let text = text.trim();
    let asks = |at: &usize| {
        text[at + 1..]
            .chars()
            .next()
            .is_none_or(char::is_whitespace)
    };
    let mut marks = text.match_indices('?').map(|(at, _)| at);
    let Some(end) = marks.rfind(asks) else {
        return text.trim_end_matches(':').to_owned();
    };
    let mut start = sentence_start(&text[..end]);
    if end - start < SHORT {
        start = sentence_start(text[..start].trim_end_matches([' ', '.', ':', '!', '?']));
    }
    text[start..=end].to_owned()
}

/// A question of fewer bytes says nothing by itself.
const SHORT: usize = 6;

/// Where the last sentence of `text` begins.
fn sentence_start(text: &str) -> usize {
    let ends = [". ", "! ", "? ", ": "].iter();
    let starts = ends.filter_map(|end| text.rfind(end).map(|at| at + end.len()));
    starts.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mdbook_markdown::{MarkdownOptions, new_cmark_parser};

    fn head(source: &str) -> Head {
        let events: Vec<Spanned<'_>> = new_cmark_parser(source, &MarkdownOptions::default())
            .into_offset_iter()
            .collect();
        Head::read(&events[1..events.len() - 1], &(0..source.len()), source)
    }

    #[track_caller]
    fn case(source: &str, n_conditions: usize, condition: &str, text: &str) {
        let head = head(source);
        assert_eq!(head.words.len(), n_conditions, "{source}");
        assert_eq!(head.condition_text, condition, "{source}");
        assert_eq!(&source[head.text.clone()], text, "{source}");
        assert_eq!(head.plain, text.replace("**", ""), "{source}");
    }

    #[test]
    fn a_condition_ends_where_the_bold_text_ends() {
        case("**over 3**: it is full.", 1, "over 3", "it is full.");
        case("**`a b`**, it says", 1, "a b", "it says");
        case("**`a`** or **`b`**: c", 2, "a or b", "c");
        case("**`a`**\nor\n**`b`**: c", 2, "a or b", "c");
        case("**`a`**, or **over 3**", 2, "a, or over 3", "");
        case("**0**", 1, "0", "");
        case("no condition **at all**", 0, "", "no condition **at all**");
        case("**`a`** or later **more**", 1, "a", "or later **more**");
    }

    #[test]
    fn what_joins_conditions_otherwise_is_not_lost() {
        for source in [
            "**`a`** and **`b`**: c",
            "**`a`**, **`b`**",
            "**`a`** / **`b`**",
        ] {
            let words = head(source).words;
            assert_eq!(words.len(), 3, "{source}");
            assert_eq!(crate::tree::condition::parse(&words[1].0), None);
        }
    }

    #[test]
    fn a_question_is_the_last_sentence() {
        assert_eq!(
            question("It is down. Who has the port?"),
            "Who has the port?"
        );
        assert_eq!(question("Who has the port?"), "Who has the port?");
        assert_eq!(question("It is down:"), "It is down");
        assert_eq!(
            question("Try in order. Does it run? Else it cannot."),
            "Does it run?"
        );
        assert_eq!(
            question("One of three. A space is shut. Why?"),
            "A space is shut. Why?"
        );
        assert_eq!(question("Why?"), "Why?");
        assert_eq!(question("What does `a?b` say?"), "What does `a?b` say?");
        assert_eq!(question("It asked a?b"), "It asked a?b");
    }
}
