//! The list below the heading *Decision tree*, read as a tree. Every fault is reported at its place.

use super::condition::{self, Condition};
use super::head::{Head, plain, question};
use super::pieces::{Item, Piece, Spanned, pieces};
use super::{Branch, Decision, Leaf, Next, Part, Tree};
use crate::config::Headings;
use crate::finding::Finding;
use crate::markdown::Link;
use crate::page::{Page, Step};
use crate::source::Place;
use mdbook_markdown::pulldown_cmark::{Event, Tag};
use mdbook_markdown::{MarkdownOptions, new_cmark_parser};
use std::ops::Range;

/// The tree of `page`, if it has one that can be used.
pub(super) fn tree(page: &Page, names: &Headings) -> (Option<Tree>, Vec<Finding>) {
    let mut headings = page
        .document
        .headings
        .iter()
        .enumerate()
        .filter(|(_, heading)| names.is_tree(&heading.text));
    let Some((index, heading)) = headings.next() else {
        return (None, Vec::new());
    };
    let mut reader = Reader {
        page,
        findings: Vec::new(),
        n_decisions: 0,
    };
    if let Some((_, second)) = headings.next() {
        reader.malformed(
            second.place.clone(),
            "a second decision tree in one chapter",
            "put it into a chapter of its own: a tree has the name of its chapter",
        );
    }
    if page.issue.is_some() {
        reader.malformed(
            heading.place.clone(),
            "a decision tree on an issue page",
            "put it into a chapter of its own: it leads to issue pages",
        );
        return (None, reader.findings);
    }
    let end = page.document.section_end(index);
    let events = events(page, heading.place.span.end..end);
    let tree = reader.root(&pieces(&events), &heading.place);
    let tree = tree.map(|(list, root)| Tree {
        title: page.title().trim().to_owned(),
        page: page.path.clone(),
        place: heading.place.clone(),
        list,
        root,
    });
    (tree, reader.findings)
}

/// The blocks of the page that begin in `range`, by mdBook's own parser. A start and its end have the
/// same bytes, so what is left is whole.
fn events(page: &Page, range: Range<usize>) -> Vec<Spanned<'_>> {
    let start = page.document.body_start;
    new_cmark_parser(
        &page.document.file.text()[start..],
        &MarkdownOptions::default(),
    )
    .into_offset_iter()
    .map(|(event, span)| (event, start + span.start..start + span.end))
    .filter(|(_, span)| range.contains(&span.start))
    .collect()
}

struct Reader<'p> {
    page: &'p Page,
    findings: Vec<Finding>,
    n_decisions: usize,
}

/// What stands before the nested list of a decision, and the list.
struct Asked<'x, 'e, 'a> {
    question: Option<String>,
    fence: Option<Range<usize>>,
    list: Option<&'x [Item<'e, 'a>]>,
}

impl Reader<'_> {
    fn malformed(&mut self, place: Place, title: &str, help: &str) {
        self.findings
            .push(Finding::error("tree-malformed", place, title).help(help));
    }

    fn place(&self, span: Range<usize>) -> Place {
        Place::new(&self.page.document.file, span)
    }

    /// The first line from `at`.
    fn line_at(&self, at: usize) -> Place {
        let file = &self.page.document.file;
        let line = file.line_column(at).0;
        self.place(at..file.line_span(line).end.max(at))
    }

    fn root(
        &mut self,
        pieces: &[Piece<'_, '_>],
        heading: &Place,
    ) -> Option<(Range<usize>, Decision)> {
        let Some((at, list)) = pieces
            .iter()
            .enumerate()
            .find_map(|(at, piece)| match piece {
                Piece::List(_, span) => Some((at, span.clone())),
                _ => None,
            })
        else {
            self.malformed(
                heading.clone(),
                "this decision tree has no list of branches",
                "add a list below it, each item beginning with `**condition**`",
            );
            return None;
        };
        if let Some(Piece::List(_, second)) = pieces[at + 1..]
            .iter()
            .find(|p| matches!(p, Piece::List(..)))
        {
            let place = self.line_at(second.start);
            self.malformed(
                place,
                "a second list below the decision tree",
                "nest it into a branch, or put it under another heading",
            );
        }
        let asked = self.asked(&pieces[..=at]);
        let decision = self.decision(asked, None, heading.clone());
        Some((list, decision))
    }

    /// Sorts what stands in a decision's item.
    fn asked<'x, 'e, 'a>(&mut self, pieces: &'x [Piece<'e, 'a>]) -> Asked<'x, 'e, 'a> {
        let mut asked = Asked {
            question: None,
            fence: None,
            list: None,
        };
        for piece in pieces {
            match piece {
                Piece::List(items, span) if asked.list.is_some() => {
                    let place = self.line_at(span.start);
                    self.malformed(
                        place,
                        "a second list in one decision",
                        "a decision has one list of branches; join them",
                    );
                    let _ = items;
                }
                Piece::List(items, _) => asked.list = Some(items),
                Piece::Fence(span) if self.is_command(span) => {
                    if asked.fence.is_some() {
                        let place = self.line_at(span.start);
                        self.malformed(
                            place,
                            "a second command in one decision",
                            "join the blocks, or ask the second question in a nested list",
                        );
                    } else {
                        asked.fence = Some(span.clone());
                    }
                }
                Piece::Text(events, _) if asked.fence.is_none() => {
                    let text = question(&plain(events));
                    let asks = |text: &String| text.ends_with('?');
                    if !text.is_empty()
                        && (asks(&text) || !asked.question.as_ref().is_some_and(asks))
                    {
                        asked.question = Some(text);
                    }
                }
                _ => {}
            }
        }
        asked
    }

    fn is_command(&self, span: &Range<usize>) -> bool {
        self.block(span).is_some_and(|index| {
            let info = &self.page.document.blocks[index].info;
            info.is_shell() && !info.attributes.output && info.attributes.waive.is_none()
        })
    }

    fn block(&self, span: &Range<usize>) -> Option<usize> {
        let blocks = &self.page.document.blocks;
        blocks
            .iter()
            .position(|block| block.place.span.start == span.start)
    }

    fn decision(&mut self, asked: Asked<'_, '_, '_>, text: Option<&str>, place: Place) -> Decision {
        self.n_decisions += 1;
        let number = self.n_decisions;
        let block = asked.fence.as_ref().and_then(|span| self.block(span));
        let steps: Vec<Step> = self
            .page
            .doc_test
            .iter()
            .filter(|step| Some(step.block) == block)
            .cloned()
            .collect();
        let items = asked.list.unwrap_or_default();
        let branches: Vec<Branch> = items.iter().map(|item| self.branch(item)).collect();
        self.judge(&branches, &place);
        Decision {
            number,
            question: asked
                .question
                .or_else(|| text.map(question))
                .unwrap_or_default(),
            place,
            steps,
            branches,
        }
    }

    /// A decision must decide something.
    fn judge(&mut self, branches: &[Branch], place: &Place) {
        if let [only] = branches {
            self.malformed(
                only.place.clone(),
                "a decision with one branch only decides nothing",
                "add the other outcomes, or move what stands in the branch one level up",
            );
        }
        let is_rest = |branch: &Branch| branch.conditions.contains(&Condition::Otherwise);
        for (at, branch) in branches.iter().enumerate() {
            if is_rest(branch) && at + 1 < branches.len() {
                self.malformed(
                    branch.place.clone(),
                    "`otherwise` is not the last branch",
                    "move it to the end: the branches after it are never taken",
                );
            }
        }
        if branches.is_empty() {
            self.malformed(
                place.clone(),
                "this decision has no branches",
                "add a list, each item beginning with `**condition**`",
            );
        }
    }

    fn branch(&mut self, item: &Item<'_, '_>) -> Branch {
        let place = self.line_at(item.span.start);
        let (head, rest) = match item.pieces.split_first() {
            Some((Piece::Text(events, span), rest)) => (
                Head::read(events, span, self.page.document.file.text()),
                rest,
            ),
            _ => (Head::at(item.span.start), item.pieces.as_slice()),
        };
        if head.words.is_empty() {
            self.malformed(
                place.clone(),
                "this branch has no condition",
                "begin it with the condition in bold, as in `**over 90 %**`, `` **`text`** `` or `**otherwise**`",
            );
        }
        let conditions = self.conditions(&head);
        let links = links(&item.pieces, self);
        let body = self.body(rest);
        let has_list = rest.iter().any(|piece| matches!(piece, Piece::List(..)));
        let next = if has_list {
            self.nothing_after_the_list(rest);
            let asked = self.asked(rest);
            Next::Decision(self.decision(asked, Some(&head.plain), place.clone()))
        } else {
            Next::Leaf(Leaf { links, to: None })
        };
        Branch {
            conditions,
            condition: head.condition,
            condition_text: head.condition_text,
            text: head.text,
            plain_text: head.plain,
            body,
            place,
            next,
        }
    }

    fn nothing_after_the_list(&mut self, pieces: &[Piece<'_, '_>]) {
        let list = pieces.iter().position(|p| matches!(p, Piece::List(..)));
        let after = list.and_then(|at| pieces.get(at + 1));
        if let Some(Piece::Text(_, span) | Piece::Fence(span) | Piece::Other(span)) = after {
            let place = self.line_at(span.start);
            self.malformed(
                place,
                "text after the branches of a decision",
                "move it before the nested list: whoever has taken a branch does not read it",
            );
        }
    }

    fn body(&self, pieces: &[Piece<'_, '_>]) -> Vec<Part> {
        pieces
            .iter()
            .filter_map(|piece| match piece {
                Piece::Text(_, span) | Piece::Other(span) => Some(Part::Markdown(span.clone())),
                Piece::Fence(span) => self.block(span).map(Part::Block),
                Piece::List(..) => None,
            })
            .collect()
    }

    fn conditions(&mut self, head: &Head) -> Vec<Condition> {
        let mut conditions = Vec::new();
        for (words, span) in &head.words {
            let Some(more) = condition::parse(words) else {
                self.unmeasured(span);
                continue;
            };
            conditions.extend(more);
        }
        conditions
    }

    fn unmeasured(&mut self, span: &Range<usize>) {
        let text = &self.page.document.file.text()[span.clone()];
        self.findings.push(
            Finding::error(
                "condition-without-measure",
                self.place(span.clone()),
                format!("nobody can measure the condition {text}"),
            )
            .note("it is no text, number, status or `nothing`")
            .help("write `` **`text`** `` that the command prints, `**over 90 %**`, `**at most 3**`, `**exit status 1**`, `**HTTP status 503**`, `**nothing**` or `**otherwise**`"),
        );
    }
}

/// The links of an item, outside of nested lists.
fn links(pieces: &[Piece<'_, '_>], reader: &Reader<'_>) -> Vec<Link> {
    pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::Text(events, _) => Some(*events),
            _ => None,
        })
        .flatten()
        .filter_map(|(event, span)| match event {
            Event::Start(Tag::Link { dest_url, .. }) => Some(Link {
                to: dest_url.to_string(),
                place: reader.place(span.clone()),
            }),
            _ => None,
        })
        .collect()
}
