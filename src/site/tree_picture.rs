//! A decision tree as one picture: a row a branch, indented by depth, drawn when the site is built.
//!
//! It fits the width of a page, on screen and on paper. Colours are the theme's.

use super::page_view::View;
use super::template::fill;
use super::tree_view::{href, slug};
use crate::page::Page;
use crate::tree::{Branch, Decision, Next, Target, Tree};
use mdbook_markdown::pulldown_cmark::Event;
use mdbook_markdown::{MarkdownOptions, new_cmark_parser};
use serde::Serialize;

/// All lengths are in CSS pixels.
const WIDTH: f64 = 740.0;
const INDENT: f64 = 26.0;
const LINE: f64 = 17.0;
const PADDING: f64 = 6.0;
const GAP: f64 = 8.0;
const ARROW: f64 = 16.0;
/// The widest that conditions get before they are broken into lines.
const CONDITION: f64 = 210.0;

#[derive(Serialize)]
struct Picture<'a> {
    id: String,
    title: &'a str,
    questions: usize,
    leaves: usize,
    width: f64,
    height: f64,
    lines: String,
    boxes: Vec<Card>,
    conditions: Vec<Line>,
}

#[derive(Serialize)]
struct Card {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
    radius: f64,
    href: Option<String>,
    lines: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    x: f64,
    y: f64,
    words: Vec<Word>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Word {
    text: String,
    class: Option<&'static str>,
}

/// One block of HTML on one line.
pub(super) fn shown(tree: &Tree, page: &Page, view: &View<'_>) -> String {
    let mut drawn = Drawn {
        page,
        view,
        lines: String::new(),
        boxes: Vec::new(),
        conditions: Vec::new(),
        y: 1.0,
    };
    let root = plain(&tree.root.question);
    let y = drawn.card((1.0, WIDTH - 2.0), &root, &[], None);
    drawn.branches(&tree.root, 1, y);
    let picture = Picture {
        id: format!("rb-{}", slug(page)),
        title: &tree.title,
        questions: tree.decisions().len(),
        leaves: tree.targets().count(),
        width: WIDTH,
        height: drawn.y,
        lines: drawn.lines,
        boxes: drawn.boxes,
        conditions: drawn.conditions,
    };
    fill("tree_picture.html", &picture)
}

struct Drawn<'a> {
    page: &'a Page,
    view: &'a View<'a>,
    lines: String,
    boxes: Vec<Card>,
    conditions: Vec<Line>,
    /// Where the next row begins.
    y: f64,
}

impl Drawn<'_> {
    /// Draws the branches of a decision whose box ends at `from`.
    fn branches(&mut self, decision: &Decision, depth: u8, from: f64) {
        let trunk = INDENT * (f64::from(depth) - 0.5);
        let x = INDENT * f64::from(depth);
        let conditions: Vec<Vec<Vec<Word>>> = decision
            .branches
            .iter()
            .map(|branch| wrapped(&self.condition(branch), CONDITION))
            .collect();
        let widest = conditions
            .iter()
            .flatten()
            .map(|line| width(line))
            .fold(0.0, f64::max);
        let card = (x + widest + ARROW + 8.0).round();
        let mut last = from;
        for (branch, condition) in decision.branches.iter().zip(conditions) {
            let top = self.y;
            let middle = top + PADDING + LINE / 2.0;
            let bottom = top + lines_height(condition.len());
            self.lines.push_str(&format!(
                "M{trunk:.1} {last:.1}V{middle:.1}H{:.1}M{:.1} {middle:.1}H{:.1}m-5 -4l5 4l-5 4",
                x - 2.0,
                x + width(&condition[0]) + 5.0,
                card - 1.0
            ));
            last = middle;
            for (row, words) in condition.into_iter().enumerate() {
                self.conditions.push(line(x, top, row, words));
            }
            let end = match &branch.next {
                Next::Decision(next) => {
                    let end = self.card(
                        (card, WIDTH - 1.0 - card),
                        &plain(&next.question),
                        &[],
                        None,
                    );
                    self.y = self.y.max(bottom + GAP);
                    self.branches(next, depth + 1, end.max(bottom));
                    continue;
                }
                Next::Leaf(leaf) => self.leaf(leaf.to.as_ref(), card),
            };
            self.y = self.y.max(end).max(bottom + GAP);
        }
    }

    fn leaf(&mut self, to: Option<&Target>, x: f64) -> f64 {
        let Some(to) = to else {
            return self.card((x, WIDTH - 1.0 - x), &plain("?"), &[], None);
        };
        let page = self.view.pages.iter().find(|page| page.path == to.page);
        let issue = page.map_or_else(String::new, |page| {
            format!("{}. {}", to.issue, page.title())
        });
        let href = href(self.page, &to.page, &to.anchor);
        self.card(
            (x, WIDTH - 1.0 - x),
            &plain(&to.cause),
            &small(&issue),
            Some(href),
        )
    }

    /// A box at the next row, as wide as its text needs; where it ends.
    fn card(
        &mut self,
        (x, room): (f64, f64),
        text: &[Word],
        below: &[Word],
        href: Option<String>,
    ) -> f64 {
        let inside = room - 2.0 * PADDING - 4.0;
        let mut rows = wrapped(text, inside);
        if !below.is_empty() {
            // Behind the text if there is room.
            let joined: Vec<Word> = text
                .iter()
                .cloned()
                .chain(gap())
                .chain(below.iter().cloned())
                .collect();
            rows = if width(&joined) <= inside {
                vec![joined]
            } else {
                rows.into_iter().chain(wrapped(below, inside)).collect()
            };
        }
        let widest = rows.iter().map(|row| width(row)).fold(0.0, f64::max);
        let top = self.y;
        let height = lines_height(rows.len());
        let lines = rows
            .into_iter()
            .enumerate()
            .map(|(row, words)| line(x + PADDING + 2.0, top, row, words))
            .collect();
        self.boxes.push(Card {
            x,
            y: top,
            width: (widest + 2.0 * PADDING + 4.0).ceil().min(room),
            height,
            radius: if href.is_some() { 14.0 } else { 3.0 },
            href,
            lines,
        });
        self.y = top + height + GAP;
        top + height
    }

    /// The words of a condition, with the look of code where it has it.
    fn condition(&self, branch: &Branch) -> Vec<Word> {
        let source = &self.page.document.file.text()[branch.condition.clone()];
        new_cmark_parser(source, &MarkdownOptions::default())
            .flat_map(|event| match event {
                Event::Code(text) => words(&text, Some("rb-code")),
                Event::Text(text) => words(&text, None),
                _ => Vec::new(),
            })
            .collect()
    }
}

fn lines_height(lines: usize) -> f64 {
    let lines = u16::try_from(lines).unwrap_or(u16::MAX);
    f64::from(lines.max(1)) * LINE + 2.0 * PADDING
}

fn line(x: f64, top: f64, row: usize, words: Vec<Word>) -> Line {
    let row = u16::try_from(row).unwrap_or(u16::MAX);
    Line {
        x,
        y: top + PADDING + f64::from(row) * LINE + 12.5,
        words,
    }
}

fn plain(text: &str) -> Vec<Word> {
    words(text, None)
}

fn small(text: &str) -> Vec<Word> {
    words(text, Some("rb-small"))
}

fn gap() -> Vec<Word> {
    vec![Word {
        text: " ".to_owned(),
        class: None,
    }]
}

/// Words and the blanks between them.
fn words(text: &str, class: Option<&'static str>) -> Vec<Word> {
    let mut words = Vec::new();
    for part in text.split_inclusive(char::is_whitespace) {
        let word = part.trim_end();
        let pieces: Vec<char> = word.chars().collect();
        // What has no blank is broken anywhere.
        for piece in pieces.chunks(24) {
            words.push(Word {
                text: piece.iter().collect(),
                class,
            });
        }
        if part.len() > word.len() {
            words.push(Word {
                text: " ".to_owned(),
                class,
            });
        }
    }
    words
}

/// Lines of at most `room`.
fn wrapped(words: &[Word], room: f64) -> Vec<Vec<Word>> {
    let mut lines: Vec<Vec<Word>> = vec![Vec::new()];
    let mut used = 0.0;
    for word in words {
        let next = width(std::slice::from_ref(word));
        let blank = word.text == " ";
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() && blank {
            continue;
        }
        if used + next > room && !blank && !line.is_empty() {
            lines.push(vec![word.clone()]);
            used = next;
        } else {
            line.push(word.clone());
            used += next;
        }
    }
    lines
}

/// How wide words get in the site's font, estimated to the safe side.
fn width(words: &[Word]) -> f64 {
    words
        .iter()
        .map(|word| match word.class {
            Some("rb-code") => {
                7.3 * f64::from(u16::try_from(word.text.chars().count()).unwrap_or(u16::MAX))
            }
            class => {
                let scale = if class.is_some() { 0.86 } else { 1.0 };
                scale * word.text.chars().map(char_width).sum::<f64>()
            }
        })
        .sum()
}

fn char_width(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' => 3.8,
        ' ' | 'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '-' | '/' => 4.9,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 11.9,
        c if c.is_uppercase() => 9.2,
        c if c.is_ascii() => 7.7,
        _ => 9.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words_and_long_words_anywhere() {
        let text = |lines: Vec<Vec<Word>>| -> Vec<String> {
            lines
                .iter()
                .map(|line| line.iter().map(|word| word.text.as_str()).collect())
                .collect()
        };
        assert_eq!(
            text(wrapped(&plain("one two three"), 55.0)),
            ["one two ", "three"]
        );
        assert_eq!(text(wrapped(&plain(""), 55.0)), [""]);
        let long = "a".repeat(30);
        assert_eq!(
            text(wrapped(&plain(&long), 200.0)),
            [&long[..24], &long[24..]]
        );
    }
}
