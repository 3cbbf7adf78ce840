//! A decision tree as folds in each other, in plain HTML that a click or a key opens.
//!
//! What is made is Markdown without indentation: mdBook renders the fences and links in it, so that
//! blocks get its copy button. Below it stands the whole tree as a picture.

use super::page_view::View;
use super::text::relative;
use super::{fences, tree_picture};
use crate::config::Value;
use crate::page::{Page, html_path};
use crate::tree::{Branch, Decision, Leaf, Next, Part, Tree};
use std::ops::Range;
use std::path::Path;

/// What stands in the place of the tree's list.
pub(super) fn shown(tree: &Tree, page: &Page, view: &View<'_>) -> String {
    let mut drawn = Drawn {
        page,
        escalation: escalation(page, view),
        slug: slug(page),
        values: &view.config.values,
        text: String::from("<div class=\"rb-tree\">\n\n"),
    };
    drawn.branches(&tree.root);
    drawn.text.push_str("</div>\n\n");
    drawn.text + &tree_picture::shown(tree, page, view) + "\n\n"
}

/// A word that no other page of the book has; all of them meet on the page for printing.
pub(super) fn slug(page: &Page) -> String {
    let path = page.path.display().to_string();
    path.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect()
}

/// The way out, as a Markdown link.
fn escalation(page: &Page, view: &View<'_>) -> Option<String> {
    let to = view.config.escalation.as_deref()?;
    let (path, anchor) = to.split_once('#').unwrap_or((to, ""));
    let href = relative(&page.path, Path::new(path));
    let anchor = if anchor.is_empty() {
        ""
    } else {
        &to[path.len()..]
    };
    Some(format!("[escalate]({href}{anchor})"))
}

struct Drawn<'a> {
    page: &'a Page,
    escalation: Option<String>,
    slug: String,
    values: &'a [Value],
    text: String,
}

impl Drawn<'_> {
    fn branches(&mut self, decision: &Decision) {
        for branch in &decision.branches {
            match &branch.next {
                Next::Decision(next) => self.fold(decision, branch, next),
                Next::Leaf(leaf) => self.leaf(branch, leaf),
            }
        }
        if let Some(link) = &self.escalation {
            self.text.push_str(&format!(
                "<div class=\"rb-none\">\n\nNone of these: {link}.\n\n</div>\n\n"
            ));
        }
    }

    /// Folds of one decision have one name: opening a branch closes the others.
    fn fold(&mut self, decision: &Decision, branch: &Branch, next: &Decision) {
        let head = self.head(branch, None);
        self.text.push_str(&format!(
            "<details class=\"rb-branch\" name=\"rb-{}-{}\">\n<summary>\n\n{head}\n\n</summary>\n<div class=\"rb-below\">\n\n",
            self.slug, decision.number
        ));
        self.body(branch, None);
        self.branches(next);
        self.text.push_str("</div>\n</details>\n\n");
    }

    fn leaf(&mut self, branch: &Branch, leaf: &Leaf) {
        let link = leaf.to.as_ref().and_then(|to| leaf.links.get(to.link));
        let link = link.map(|link| link.place.span.clone());
        let head = self.head(branch, link.as_ref());
        self.text
            .push_str(&format!("<div class=\"rb-leaf\">\n\n{head}\n\n"));
        self.body(branch, link.as_ref());
        self.text.push_str("</div>\n\n");
    }

    /// The condition and what follows it, as one paragraph.
    fn head(&self, branch: &Branch, link: Option<&Range<usize>>) -> String {
        let condition = self.markdown(&branch.condition, None);
        let text = self.markdown(&branch.text, link);
        let (space, class) = (if text.is_empty() { "" } else { " " }, "rb-condition");
        format!("<span class=\"{class}\">{condition}</span>{space}{text}")
    }

    fn body(&mut self, branch: &Branch, link: Option<&Range<usize>>) {
        for part in &branch.body {
            let text = match part {
                Part::Block(index) => fences::shown(self.page, *index, self.values),
                Part::Markdown(span) => self.markdown(span, link),
            };
            self.text.push_str(text.trim_end());
            self.text.push_str("\n\n");
        }
    }

    /// Source text without the indentation of its item; `link` is marked as the way to the fix.
    fn markdown(&self, span: &Range<usize>, link: Option<&Range<usize>>) -> String {
        let source = self.page.document.file.text();
        let text = match link.filter(|link| span.start <= link.start && link.end <= span.end) {
            None => source[span.clone()].to_owned(),
            Some(link) => format!(
                "{}<span class=\"rb-fix\">{}</span>{}",
                &source[span.start..link.start],
                &source[link.clone()],
                // A full stop after the button would stand alone on a line.
                Some(&source[link.end..span.end])
                    .filter(|rest| rest.trim() != ".")
                    .unwrap_or_default()
            ),
        };
        let start = source[..span.start].rfind('\n').map_or(0, |at| at + 1);
        let indentation = source[start..span.start].chars().count();
        let mut lines = text.trim_end().lines();
        let mut result = lines.next().unwrap_or_default().to_owned();
        for line in lines {
            let blanks = line.len() - line.trim_start_matches([' ', '\t']).len();
            result.push('\n');
            result.push_str(&line[blanks.min(indentation)..]);
        }
        result
    }
}

/// The address of a cause from the tree's page, for a link in HTML.
pub(super) fn href(from: &Page, to: &Path, anchor: &str) -> String {
    format!("{}#{anchor}", relative(&from.html_path(), &html_path(to)))
}
