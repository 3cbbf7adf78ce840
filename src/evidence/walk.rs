//! The record of a walk through a decision tree.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A decision tree, walked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalkRecord {
    /// The tree's name: the title of its chapter.
    pub tree: String,
    /// The chapter's path below `src`.
    pub page: PathBuf,
    /// The questions that were answered, in order.
    pub turns: Vec<TurnRecord>,
    /// Where it ended.
    pub end: WalkEnd,
    /// Whether that is a cause of the drill's own page. In a doc test always false.
    pub arrived: bool,
    /// Why the page says that it does not arrive, where it says so.
    pub astray: Option<String>,
}

/// One question, answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnRecord {
    /// The question.
    pub question: String,
    /// The line of its command, counted from 1.
    pub line: usize,
    /// The first lines that the command printed.
    pub printed: String,
    /// The command's exit status; `None` where it was ended by Ctrl-C.
    pub status: Option<u8>,
    /// The condition of the branch that was taken; `None` where none held.
    pub branch: Option<String>,
}

/// Where a walk ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum WalkEnd {
    /// At a leaf that names this cause.
    Leaf {
        /// The issue page's path below `src`.
        page: PathBuf,
        /// The explicit id of the cause's heading.
        anchor: String,
        /// The issue's number.
        issue: u32,
        /// The cause's name.
        cause: String,
    },
    /// At a leaf whose link leads to no cause.
    NoCause,
    /// At a question of which no branch held.
    NoBranch,
    /// At a question without a command.
    NeedsEyes,
}

impl WalkEnd {
    /// As a clause: `it ended at …`.
    pub fn in_words(&self) -> String {
        match self {
            Self::Leaf { page, anchor, .. } => format!("at {}#{anchor}", page.display()),
            Self::NoCause => "at a leaf that leads to no cause".to_owned(),
            Self::NoBranch => "where no branch holds".to_owned(),
            Self::NeedsEyes => "at a question without a command, which needs eyes".to_owned(),
        }
    }
}
