//! Reads a file with mdBook's own parser, with byte offsets over the file on disk.

use super::InfoString;
use crate::finding::Finding;
use crate::source::{Place, SourceFile};
use mdbook_markdown::pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Parser, Tag, TagEnd};
use mdbook_markdown::{MarkdownOptions, new_cmark_parser};
use std::ops::Range;
use std::sync::Arc;

/// A heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// 1 to 6.
    pub level: u8,
    /// Its text without markup.
    pub text: String,
    /// The explicit `{#id}`.
    pub id: Option<String>,
    /// The whole heading.
    pub place: Place,
    /// Indices of the headings that it stands under, outermost first.
    pub under: Vec<usize>,
}

/// A code block, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeBlock {
    /// Language and attributes; empty for an indented block.
    pub info: InfoString,
    /// The info string as written.
    pub info_text: String,
    /// Its code: indentation of the container removed, line endings made `\n`.
    pub code: String,
    /// The block with its fences.
    pub place: Place,
    /// The line of the first line of code, counted from 1.
    pub first_line: usize,
    /// The bytes of the code as they stand in the file, for a rewrite in place; not for containers.
    pub code_span: Range<usize>,
    /// Indices of the headings that it stands under, outermost first.
    pub under: Vec<usize>,
}

/// A link to another place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its destination as written.
    pub to: String,
    /// The link with its text.
    pub place: Place,
}

/// An item of a list, with the text of its first paragraph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListItem {
    /// Plain text.
    pub text: String,
    /// Links in it.
    pub links: Vec<String>,
    /// The item.
    pub place: Place,
    /// Nesting, 0 for the outermost list.
    pub depth: usize,
    /// Indices of the headings that it stands under.
    pub under: Vec<usize>,
}

/// `<!-- runbook: name -->`: asks for generated content at this place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// The word after `runbook:`.
    pub name: String,
    /// The comment.
    pub place: Place,
}

/// One file, as written.
#[derive(Debug, Clone)]
pub struct Document {
    /// The file.
    pub file: Arc<SourceFile>,
    /// The bytes between the `---` lines.
    pub front_matter: Option<Range<usize>>,
    /// Where the body begins.
    pub body_start: usize,
    /// In the order of the file.
    pub headings: Vec<Heading>,
    /// In the order of the file.
    pub blocks: Vec<CodeBlock>,
    /// In the order of the file.
    pub links: Vec<Link>,
    /// In the order of the file.
    pub items: Vec<ListItem>,
    /// In the order of the file.
    pub directives: Vec<Directive>,
}

/// Reads `file`. Every fault is reported; the document is always usable.
pub fn parse(file: &Arc<SourceFile>) -> (Document, Vec<Finding>) {
    let mut findings = Vec::new();
    let (front_matter, body_start) = front_matter(file, &mut findings);
    let document = Document {
        file: Arc::clone(file),
        front_matter,
        body_start,
        headings: Vec::new(),
        blocks: Vec::new(),
        links: Vec::new(),
        items: Vec::new(),
        directives: Vec::new(),
    };
    let mut reader = Reader {
        document,
        findings,
        under: Vec::new(),
        open: Vec::new(),
        lists: 0,
    };
    let text = &file.text()[body_start..];
    let parser: Parser<'_> = new_cmark_parser(text, &MarkdownOptions::default());
    for (event, range) in parser.into_offset_iter() {
        reader.event(event, body_start + range.start..body_start + range.end);
    }
    (reader.document, reader.findings)
}

/// An element whose end has not been seen yet.
enum Open {
    Heading(Heading),
    Block(Box<CodeBlock>),
    Item(ListItem),
}

struct Reader {
    document: Document,
    findings: Vec<Finding>,
    under: Vec<usize>,
    open: Vec<Open>,
    lists: usize,
}

impl Reader {
    fn event(&mut self, event: Event<'_>, span: Range<usize>) {
        let place = Place::new(&self.document.file, span.clone());
        match event {
            Event::Start(tag) => self.start(tag, place),
            Event::End(end) => self.end(end),
            Event::Text(text) | Event::Code(text) => self.text(&text, span),
            Event::SoftBreak | Event::HardBreak => self.text(" ", span),
            Event::Html(html) | Event::InlineHtml(html) => self.html(&html, place),
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>, place: Place) {
        match tag {
            Tag::Heading { level, id, .. } => {
                let level = level as u8;
                self.under
                    .retain(|index| self.document.headings[*index].level < level);
                self.open.push(Open::Heading(Heading {
                    level,
                    text: String::new(),
                    id: id.map(|id| id.to_string()),
                    place,
                    under: self.under.clone(),
                }));
            }
            Tag::CodeBlock(kind) => self.start_block(kind, place),
            Tag::List(_) => self.lists += 1,
            Tag::Item => self.open.push(Open::Item(ListItem {
                text: String::new(),
                links: Vec::new(),
                place,
                depth: self.lists.saturating_sub(1),
                under: self.under.clone(),
            })),
            Tag::Link { dest_url, .. } => {
                let to = dest_url.to_string();
                if let Some(Open::Item(item)) = self.open.last_mut() {
                    item.links.push(to.clone());
                }
                self.document.links.push(Link { to, place });
            }
            _ => {}
        }
    }

    fn start_block(&mut self, kind: CodeBlockKind<'_>, place: Place) {
        let file = &self.document.file;
        let mut info = InfoString::default();
        let mut info_text = String::new();
        let mut first_line = place.line();
        if let CodeBlockKind::Fenced(text) = kind {
            let fence_line = Place::new(
                file,
                place.span.start..file.line_span(first_line).end.max(place.span.start),
            );
            let (parsed, findings) = InfoString::parse(&text, &fence_line);
            info = parsed;
            info_text = text.to_string();
            self.findings.extend(findings);
            if !is_closed(&file.text()[place.span.clone()]) {
                self.findings.push(
                    Finding::error("unclosed-fence", fence_line, "this fence is never closed")
                        .note("everything after it is taken for code")
                        .help("close the block with a line of the same fence characters"),
                );
            }
            first_line += 1;
        }
        let code_span = place.span.end..place.span.end;
        self.open.push(Open::Block(Box::new(CodeBlock {
            info,
            info_text,
            code: String::new(),
            place,
            first_line,
            code_span,
            under: self.under.clone(),
        })));
    }

    fn end(&mut self, end: TagEnd) {
        match end {
            TagEnd::Heading(_) => {
                if let Some(Open::Heading(heading)) = self.open.pop() {
                    self.under.push(self.document.headings.len());
                    self.document.headings.push(heading);
                }
            }
            TagEnd::CodeBlock => {
                if let Some(Open::Block(mut block)) = self.open.pop() {
                    block.code = block.code.replace("\r\n", "\n");
                    self.document.blocks.push(*block);
                }
            }
            TagEnd::List(_) => self.lists -= 1,
            TagEnd::Item => {
                if let Some(Open::Item(mut item)) = self.open.pop() {
                    item.text = item.text.trim().into();
                    self.document.items.push(item);
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str, span: Range<usize>) {
        match self.open.last_mut() {
            Some(Open::Heading(heading)) => heading.text.push_str(text),
            Some(Open::Item(item)) => item.text.push_str(text),
            Some(Open::Block(block)) => {
                if block.code.is_empty() {
                    block.code_span = span.clone();
                }
                block.code.push_str(text);
                block.code_span.end = span.end;
            }
            None => {}
        }
    }

    fn html(&mut self, html: &str, place: Place) {
        let Some(comment) = html.trim().strip_prefix("<!--") else {
            return;
        };
        let comment = comment.trim_end().trim_end_matches("-->").trim();
        if let Some(name) = comment.strip_prefix("runbook:") {
            self.document.directives.push(Directive {
                name: name.trim().to_owned(),
                place,
            });
        }
    }
}

/// `CommonMark` 0.31 §4.5: the block ends with a fence of its own kind, or with its container.
fn is_closed(block: &str) -> bool {
    let mut lines = block.lines();
    let Some(opening) = lines.next() else {
        return false;
    };
    let Some(mark) = opening.chars().next() else {
        return false;
    };
    let width = opening.chars().take_while(|c| *c == mark).count();
    lines.next_back().is_some_and(|last| {
        let last = last.trim_matches(|c: char| c.is_whitespace() || c == '>');
        last.chars().all(|c| c == mark) && last.chars().count() >= width
    })
}

/// YAML between two `---` lines at the very top, after a byte order mark.
fn front_matter(
    file: &Arc<SourceFile>,
    findings: &mut Vec<Finding>,
) -> (Option<Range<usize>>, usize) {
    let text = file.text();
    let start = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut lines = text[start..].split_inclusive('\n');
    let Some(first) = lines.next().filter(|line| line.trim_end() == "---") else {
        return (None, start);
    };
    let yaml_start = start + first.len();
    let mut at = yaml_start;
    for line in lines {
        if line.trim_end() == "---" {
            return (Some(yaml_start..at), at + line.len());
        }
        at += line.len();
    }
    findings.push(
        Finding::error(
            "front-matter",
            Place::new(file, start..start + 3),
            "the front matter is never closed",
        )
        .help("end it with a line `---`"),
    );
    (None, start)
}

impl Document {
    /// Whether a directive of that name stands in it.
    pub fn has_directive(&self, name: &str) -> bool {
        self.directives.iter().any(|it| it.name == name)
    }

    /// The heading with the least depth; the chapter's title.
    pub fn title(&self) -> Option<&Heading> {
        self.headings
            .iter()
            .find(|heading| heading.level == HeadingLevel::H1 as u8)
    }

    /// Where the section of the heading with this index ends, in bytes: before the next heading
    /// that is not below it.
    pub fn section_end(&self, index: usize) -> usize {
        let level = self.headings[index].level;
        self.headings[index + 1..]
            .iter()
            .find(|next| next.level <= level)
            .map_or(self.file.text().len(), |next| next.place.span.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn blocks(text: &str) -> Vec<(String, String, usize)> {
        let file = SourceFile::new("a.md", text);
        let (document, _) = parse(&file);
        document
            .blocks
            .into_iter()
            .map(|block| (block.info.language, block.code, block.first_line))
            .collect()
    }

    #[track_caller]
    fn case(text: &str, code: &str, line: usize) {
        assert_eq!(
            blocks(text),
            [("bash".to_owned(), code.to_owned(), line)],
            "{text:?}"
        );
    }

    #[test]
    fn all_forms_of_a_fence() {
        case("# T\n\n```bash\na\n```\n", "a\n", 4);
        case("``` bash\na\n```\n", "a\n", 2);
        case("~~~bash\na\n~~~\n", "a\n", 2);
        case("````bash\n```\na\n````\n", "```\na\n", 2);
        case("1. step\n\n   ```bash\n   a\n    b\n   ```\n", "a\n b\n", 4);
        case("- x\n  - y\n\n    ~~~ bash\n    a\n    ~~~\n", "a\n", 5);
        case("> ```bash\n> a\n>\n> b\n> ```\n", "a\n\nb\n", 2);
        case("```bash title=\"x\"\na\n```\n", "a\n", 2);
        case("```Bash\na\n```\n", "a\n", 2);
        case(
            "\u{feff}# T\r\n\r\n```bash\r\na\r\nb\r\n```\r\n",
            "a\nb\n",
            4,
        );
        case("```bash\na\n", "a\n", 2);
        case("---\nissue: 1\n---\n```bash\na\n```\n", "a\n", 5);
    }

    #[test]
    fn what_only_looks_like_a_fence_is_none() {
        assert_eq!(blocks("<!--\n```bash\na\n```\n-->\n"), []);
        assert_eq!(blocks("````text\n```bash\na\n```\n````\n")[0].0, "text");
    }

    #[test]
    fn an_unclosed_fence_is_reported_and_a_closed_one_is_not() {
        let titles = |text: &str| {
            let (_, findings) = parse(&SourceFile::new("a.md", text));
            findings.len()
        };
        assert_eq!(titles("```bash\na\n"), 1);
        assert_eq!(titles("```bash\n"), 1);
        assert_eq!(titles("```bash\n```"), 0);
        assert_eq!(titles("> ```bash\n> a\n> ```\n"), 0);
        assert_eq!(titles("> ```bash\n> a\n\ntext\n"), 1);
        assert_eq!(titles("- ~~~bash\n  a\n  ~~~~\n"), 0);
    }

    #[test]
    fn headings_nest_and_items_carry_their_links() {
        let text = "# T\n## A {#x}\n### B\n## C\n- see [p](#x) and\n  `code`\n  - inner\n";
        let (document, _) = parse(&SourceFile::new("a.md", text));
        let seen: Vec<_> = document
            .headings
            .iter()
            .map(|h| (h.text.as_str(), h.id.as_deref(), h.under.clone()))
            .collect();
        assert_eq!(
            seen,
            [
                ("T", None, vec![]),
                ("A", Some("x"), vec![0]),
                ("B", None, vec![0, 1]),
                ("C", None, vec![0]),
            ]
        );
        assert_eq!(document.items[1].text, "see p and code");
        assert_eq!(document.items[1].links, ["#x"]);
        assert_eq!(document.items[0].depth, 1);
    }

    #[test]
    fn directives_are_comments() {
        let (document, _) = parse(&SourceFile::new(
            "a.md",
            "a\n\n<!-- runbook: symptoms -->\n",
        ));
        assert_eq!(document.directives[0].name, "symptoms");
        assert_eq!(document.directives[0].place.line(), 3);
    }
}
