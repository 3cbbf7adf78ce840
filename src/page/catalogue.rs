//! The catalogue of log lines: families, each below a heading `{#pattern-N}`, and the lines in `{log}` fences.

use super::Page;
use crate::markdown::{CodeBlock, Heading};
use crate::source::Place;
use std::ops::Range;

/// A family of log lines, as a section of a page.
#[derive(Debug, Clone)]
pub struct Family<'a> {
    /// 1 and up.
    pub number: u32,
    /// The section's heading; its id is `pattern-` and the number.
    pub heading: &'a Heading,
    /// The section's bytes, without the heading.
    pub section: Range<usize>,
    /// All lines of its `{log}` fences.
    pub lines: Vec<LoggedLine<'a>>,
}

/// A line that the instance logs, as the page shows it: part of a line, `[..]` for anything within it.
#[derive(Debug, Clone)]
pub struct LoggedLine<'a> {
    /// As written.
    pub text: &'a str,
    /// Where.
    pub place: Place,
}

impl LoggedLine<'_> {
    /// Whether `line` contains it.
    pub fn is_in(&self, line: &str) -> bool {
        let mut rest = line;
        self.text.split("[..]").all(|part| {
            let at = rest.find(part);
            rest = at.map_or("", |at| &rest[at + part.len()..]);
            at.is_some()
        })
    }
}

/// The families of `page`, in its order; none unless it has a `{log}` fence.
pub fn families(page: &Page) -> Vec<Family<'_>> {
    let document = &page.document;
    if !document
        .blocks
        .iter()
        .any(|block| block.info.attributes.log)
    {
        return Vec::new();
    }
    let numbered = document.headings.iter().enumerate();
    numbered
        .filter_map(|(index, heading)| Some((index, heading, number(heading)?)))
        .map(|(index, heading, number)| {
            let own = document
                .blocks
                .iter()
                .filter(|block| family_of(page, block) == Some(number));
            Family {
                number,
                heading,
                section: heading.place.span.end..document.section_end(index),
                lines: own.flat_map(|block| lines(page, block)).collect(),
            }
        })
        .collect()
}

/// The number of the family that a `{log}` fence stands under.
pub fn family_of(page: &Page, block: &CodeBlock) -> Option<u32> {
    let above = block.under.iter().rev();
    above
        .filter(|_| block.info.attributes.log)
        .find_map(|index| number(&page.document.headings[*index]))
}

fn number(heading: &Heading) -> Option<u32> {
    let number = heading.id.as_deref()?.strip_prefix("pattern-")?;
    number.parse().ok().filter(|number| *number > 0)
}

fn lines<'a>(page: &'a Page, block: &'a CodeBlock) -> impl Iterator<Item = LoggedLine<'a>> {
    let file = &page.document.file;
    let numbered = block.code.lines().zip(block.first_line..);
    numbered
        .map(|(text, line)| (text.trim(), line))
        .filter(|(text, _)| !text.is_empty())
        .map(|(text, line)| {
            let span = file.line_span(line);
            let indent = file.text()[span.clone()].find(text).unwrap_or(0);
            LoggedLine {
                text,
                place: Place::new(file, span.start + indent..span.end),
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceFile;

    #[track_caller]
    fn case(text: &str, line: &str, expected: bool) {
        let place = Place::new(&SourceFile::new("a.md", text), 0..0);
        assert_eq!(LoggedLine { text, place }.is_in(line), expected);
    }

    #[test]
    fn part_of_a_line_with_anything_between() {
        case("not found", "12:00 ERROR m1 not found in x", true);
        case("ERROR[..]not found", "12:00 ERROR m1 not found in x", true);
        case("not found[..]ERROR", "12:00 ERROR m1 not found in x", false);
        case("[..]", "", true);
        case("aa[..]a", "aa", false);
        case("é[..]é", "xéyéz", true);
    }
}
