//! Decision trees: a chapter's nested list made into questions, conditions and causes.
//!
//! A tree is plain data here. Who asks its questions is `run`, who draws it is `site`.

mod condition;
mod head;
mod parse;
mod pieces;
mod target;
mod walk;

pub use condition::{Answer, Condition};
pub use walk::{End, Turn, Walk, walk};

use crate::config::Headings;
use crate::finding::Finding;
use crate::markdown::Link;
use crate::page::{Page, Step};
use crate::source::Place;
use std::borrow::Borrow;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The decision tree of one chapter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// The chapter's title.
    pub title: String,
    /// The chapter's path below `src`.
    pub page: PathBuf,
    /// Its heading.
    pub place: Place,
    /// The bytes of the list of its branches.
    pub list: Range<usize>,
    /// Where it begins.
    pub root: Decision,
}

/// A question with its branches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Counted from 1 in the order of the page.
    pub number: usize,
    /// The question, as plain text.
    pub question: String,
    /// Where it is asked.
    pub place: Place,
    /// What answers it; empty where a human must look.
    pub steps: Vec<Step>,
    /// In the order in which they are tried.
    pub branches: Vec<Branch>,
}

/// One answer, and where it leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Any of them must hold. Empty where nobody can measure them.
    pub conditions: Vec<Condition>,
    /// The bytes of the condition, with its markup.
    pub condition: Range<usize>,
    /// The condition as plain text.
    pub condition_text: String,
    /// The bytes of what follows the condition in its paragraph.
    pub text: Range<usize>,
    /// The same as plain text.
    pub plain_text: String,
    /// What stands below that paragraph, without the nested list.
    pub body: Vec<Part>,
    /// The first line of the item.
    pub place: Place,
    /// Where it leads.
    pub next: Next,
}

/// Something in an item beside its first paragraph and its nested list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A fence, by its index in the document.
    Block(usize),
    /// Any other Markdown: its bytes.
    Markdown(Range<usize>),
}

/// Where a branch leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// To another question.
    Decision(Decision),
    /// To a cause.
    Leaf(Leaf),
}

/// The end of a way through the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Its links, as written.
    pub links: Vec<Link>,
    /// The cause that the first fitting one of them leads to.
    pub to: Option<Target>,
}

/// A cause that a leaf names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The issue page's path below `src`.
    pub page: PathBuf,
    /// The issue's number.
    pub issue: u32,
    /// The explicit id of the cause's heading.
    pub anchor: String,
    /// The cause's name.
    pub cause: String,
    /// The index in [`Leaf::links`] of the link that leads there.
    pub link: usize,
}

impl Tree {
    /// All decisions, in the order of the page.
    pub fn decisions(&self) -> Vec<&Decision> {
        let mut all = Vec::new();
        self.root.collect(&mut all);
        all
    }

    /// All branches, in the order of the page.
    pub fn branches(&self) -> impl Iterator<Item = &Branch> {
        self.decisions()
            .into_iter()
            .flat_map(|decision| &decision.branches)
    }

    /// All causes that it leads to.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        self.branches().filter_map(|branch| match &branch.next {
            Next::Leaf(leaf) => leaf.to.as_ref(),
            Next::Decision(_) => None,
        })
    }

    /// Whether any of its leaves names a cause of the issue page `page`.
    pub fn reaches(&self, page: &Path) -> bool {
        self.targets().any(|target| target.page == page)
    }

    /// All that decides where a walk ends: when it changes, earlier walks prove nothing.
    pub fn signature(&self) -> String {
        let mut text = self.title.clone();
        for decision in self.decisions() {
            text.push_str(&format!("\n? {}", decision.number));
            for step in &decision.steps {
                text.push_str(&format!(
                    " {:?}",
                    (&step.code, step.timeout, step.interrupt)
                ));
            }
            for branch in &decision.branches {
                let to = match &branch.next {
                    Next::Decision(next) => next.number.to_string(),
                    Next::Leaf(leaf) => format!("{:?}", leaf.to),
                };
                text.push_str(&format!("\n- {:?} {to}", branch.conditions));
            }
        }
        text
    }
}

impl Decision {
    fn collect<'a>(&'a self, all: &mut Vec<&'a Self>) {
        all.push(self);
        for branch in &self.branches {
            if let Next::Decision(decision) = &branch.next {
                decision.collect(all);
            }
        }
    }
}

/// The trees of all pages, in the order of the book.
pub fn trees<P: Borrow<Page>>(pages: &[P], names: &Headings) -> (Vec<Arc<Tree>>, Vec<Finding>) {
    let mut trees: Vec<Tree> = Vec::new();
    let mut findings = Vec::new();
    for page in pages {
        let (tree, more) = parse::tree(page.borrow(), names);
        findings.extend(more);
        let Some(mut tree) = tree else { continue };
        findings.extend(target::resolve(&mut tree, pages));
        if let Some(first) = trees.iter().find(|other| other.title == tree.title) {
            findings.push(
                Finding::error(
                    "tree-malformed",
                    tree.place.clone(),
                    format!("two decision trees are named `{}`", tree.title),
                )
                .related(first.place.clone(), "the other one")
                .help("give each chapter with a decision tree its own title"),
            );
        }
        trees.push(tree);
    }
    (trees.into_iter().map(Arc::new).collect(), findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::source::SourceFile;
    use proptest::prelude::*;

    fn page(text: &str) -> Page {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join("book.toml"), "").expect("a file");
        let config = Config::load(dir.path(), None).expect("an empty configuration");
        let file = SourceFile::new("t.md", text);
        crate::page::interpret(&file, Path::new("t.md"), "T", &config).0
    }

    fn read(text: &str) -> (Vec<Arc<Tree>>, Vec<Finding>) {
        trees(&[page(text)], &Headings::default())
    }

    #[test]
    fn questions_conditions_and_texts_are_read_from_tight_and_loose_lists() {
        for blank in ["", "\n"] {
            let text = format!(
                "# T\n\n## Decision tree\n\nFirst this. Then: is it up?\n\n```bash\nup\n```\n\n\
                 1. **`a`** or **`b`**: it is. Who does?\n{blank}   - **over 3**: [x](y.md#z)\n{blank}   - **otherwise** see [x](y.md#z)\n{blank}\
                 2. **nothing**, so\n   [x](y.md#z).\n"
            );
            let (trees, _) = read(&text);
            let root = &trees[0].root;
            assert_eq!(root.question, "is it up?");
            assert_eq!(root.steps[0].code, "up\n");
            let [first, second] = root.branches.as_slice() else {
                panic!("{root:?}")
            };
            assert_eq!(first.condition_text, "a or b");
            assert_eq!(first.plain_text, "it is. Who does?");
            assert_eq!(second.plain_text, "so x.");
            let Next::Decision(inner) = &first.next else {
                panic!("{first:?}")
            };
            assert_eq!((inner.number, inner.question.as_str()), (2, "Who does?"));
            assert_eq!(inner.branches[1].conditions, [Condition::Otherwise]);
        }
    }

    #[test]
    fn a_heading_in_a_list_or_quote_is_survived() {
        for text in [
            "- ## Decision tree\n\n  - **0**: x\n\n- y\n",
            "> ## Decision tree\n>\n> - **0**: x\n\n- **1**: y\n",
            "## Decision tree\n\n- **0**: x\n\n  # T\n\n  - **1**: y\n",
        ] {
            let (_, findings) = read(text);
            assert!(!findings.is_empty(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_stands_there_is_survived(parts in prop::collection::vec(
            prop::sample::select(vec![
                "## Decision tree", "# T", "\n", "\n\n", "- ", "  - ", "    ", "**0**", "**`a`**", " or ", ":",
                "text?", "[x](y.md#z)", "```bash\na\n```", "  ```bash\n  a\n  ```", "> ", "**", "`", "1. ", "é…", "\t",
                "| a |\n| - |", "<div>", "[^1]", "***", "~~~", "\r\n", "- [ ] ",
            ]),
            0..40,
        )) {
            let text = format!("## Decision tree\n\n{}", parts.concat());
            let (trees, _) = read(&text);
            for tree in &trees {
                prop_assert!(tree.list.end <= text.len());
                for branch in tree.branches() {
                    prop_assert!(text.get(branch.text.clone()).is_some());
                    prop_assert!(text.get(branch.condition.clone()).is_some());
                }
            }
        }
    }
}
