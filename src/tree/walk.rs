//! The way through a tree that the answers of its commands take.

use super::{Answer, Branch, Decision, Leaf, Next, Tree};
use crate::page::Step;

/// One question, answered.
#[derive(Debug)]
pub struct Turn<'t> {
    /// The question.
    pub decision: &'t Decision,
    /// What came of its command.
    pub answer: Answer,
    /// The branch that was taken, if one holds.
    pub branch: Option<&'t Branch>,
}

/// Where a walk ended.
#[derive(Debug)]
pub enum End<'t> {
    /// At a cause, or at a leaf that names none.
    Leaf(&'t Branch, &'t Leaf),
    /// At a question of which no branch holds.
    NoBranch(&'t Decision),
    /// At a question without a command.
    NeedsEyes(&'t Decision),
}

/// A walk.
#[derive(Debug)]
pub struct Walk<'t> {
    /// The questions that were answered, in order.
    pub turns: Vec<Turn<'t>>,
    /// Where it ended.
    pub end: End<'t>,
}

/// Walks `tree` from its root: `ask` runs the commands of a decision. Branches are tried in order.
pub fn walk<'t, E>(
    tree: &'t Tree,
    mut ask: impl FnMut(&'t [Step]) -> Result<Answer, E>,
) -> Result<Walk<'t>, E> {
    let mut turns = Vec::new();
    let mut decision = &tree.root;
    loop {
        if decision.steps.is_empty() {
            let end = End::NeedsEyes(decision);
            return Ok(Walk { turns, end });
        }
        let answer = ask(&decision.steps)?;
        let branch = decision
            .branches
            .iter()
            .find(|branch| branch.conditions.iter().any(|c| c.holds(&answer)));
        turns.push(Turn {
            decision,
            answer,
            branch,
        });
        let end = match branch.map(|branch| (branch, &branch.next)) {
            Some((_, Next::Decision(next))) => {
                decision = next;
                continue;
            }
            Some((branch, Next::Leaf(leaf))) => End::Leaf(branch, leaf),
            None => End::NoBranch(decision),
        };
        return Ok(Walk { turns, end });
    }
}
