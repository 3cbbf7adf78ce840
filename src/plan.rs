//! Pages made into jobs: what is to be run, on which inputs each depends, and what is not run.

mod experiment;

pub use experiment::{Control, Instead, controls, mutations, n_resolution_steps};

use crate::config::Config;
use crate::evidence::Subject;
use crate::finding::Finding;
use crate::page::{Cause, IssuePage, Page, Step};
use crate::tree::Tree;
use std::collections::BTreeSet;
use std::sync::Arc;

/// One sandbox's worth of work.
#[derive(Debug, Clone)]
pub enum Job {
    /// One cause of an issue page, played through.
    Drill {
        /// The page.
        page: Arc<Page>,
        /// The index of the cause.
        cause: usize,
        /// The decision trees that lead to the page: each is walked.
        trees: Vec<Arc<Tree>>,
        /// Set where it is to show what of its resolution removes the fault.
        control: Option<Control>,
    },
    /// The blocks of a chapter, in order, on a healthy instance.
    DocTest {
        /// The page.
        page: Arc<Page>,
        /// Its decision tree, which may accuse nothing.
        tree: Option<Arc<Tree>>,
    },
}

impl Job {
    /// The page that it belongs to.
    pub fn page(&self) -> &Arc<Page> {
        match self {
            Self::Drill { page, .. } | Self::DocTest { page, .. } => page,
        }
    }

    /// Issue page and cause, for drills.
    pub fn drill(&self) -> Option<(&IssuePage, &Cause)> {
        match self {
            Self::Drill { page, cause, .. } => {
                let issue = page.issue.as_ref()?;
                Some((issue, issue.causes.get(*cause)?))
            }
            Self::DocTest { .. } => None,
        }
    }

    /// What is done instead of the cause's resolution, in an experiment.
    pub fn control(&self) -> Option<Control> {
        match self {
            Self::Drill { control, .. } => *control,
            Self::DocTest { .. } => None,
        }
    }

    /// The cause whose resolution is followed instead, in an experiment.
    fn other(&self) -> Option<&Cause> {
        let (issue, _) = self.drill()?;
        Some(&issue.causes[self.control()?.other()?])
    }

    /// Whether the alerting programs run in it. Of the experiments they do in that which does nothing:
    /// the alert must stay, too; and in those that leave out a step: the alert may be what misses it.
    pub fn is_live(&self) -> bool {
        let live = self
            .drill()
            .is_some_and(|(_, cause)| !cause.live.is_empty());
        live && self.other().is_none()
    }

    /// The decision trees that are walked in it; in an experiment none is.
    pub fn trees(&self) -> &[Arc<Tree>] {
        match self {
            Self::Drill {
                control: Some(_), ..
            } => &[],
            Self::Drill { trees, .. } => trees,
            Self::DocTest { tree, .. } => tree.as_slice(),
        }
    }

    /// What evidence of it is about.
    pub fn subject(&self) -> Subject {
        let mut own = self.own_subject();
        let (Some(control), Some((issue, _))) = (self.control(), self.drill()) else {
            return own;
        };
        match control.instead {
            Instead::Nothing => own.left_alone(),
            Instead::Other(other) => own.resolved_as(&issue.causes[other].name),
            Instead::Without(block) => {
                let line = self.page().document.blocks[block].place.line();
                if let Some(cause) = &mut own.cause {
                    cause.push_str(&format!(", without the step on line {line}"));
                }
                own
            }
        }
    }

    /// The same of the drill or doc test itself, where this is an experiment on it.
    pub fn own_subject(&self) -> Subject {
        let drill = self.drill();
        Subject {
            page: self.page().path.clone(),
            issue: drill.map(|(issue, _)| issue.number),
            cause: drill.map(|(_, cause)| cause.name.clone()),
        }
    }

    /// All of its steps.
    pub fn steps(&self) -> Vec<&Step> {
        match self.drill() {
            Some((issue, cause)) => issue
                .verification
                .iter()
                .chain(&cause.drill)
                .chain(&issue.diagnosis)
                .chain(&cause.resolution)
                .collect(),
            None => self.page().doc_test.iter().collect(),
        }
    }

    /// Capabilities that it needs, in order.
    pub fn needs(&self) -> BTreeSet<&str> {
        let page = self.page().front_matter.needs.iter();
        let cause = self.drill().into_iter().flat_map(|(_, cause)| &cause.needs);
        let steps = self.steps().into_iter().flat_map(|step| &step.needs);
        let other = self.other().into_iter().flat_map(|other| &other.needs);
        page.chain(cause)
            .chain(steps)
            .chain(other)
            .map(String::as_str)
            .collect()
    }

    /// Hash of the page's part of its inputs, mixed into `surroundings`: programs, configuration,
    /// versions; for a live drill also into `live`: the services and their files.
    pub fn inputs(&self, surroundings: &blake3::Hash, live: &blake3::Hash) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(surroundings.as_bytes());
        let mut add = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        add(&self.subject().title());
        let other = self.other().into_iter();
        let instead = other.flat_map(|other| &other.resolution);
        for step in self.steps().into_iter().chain(instead) {
            add(&step.code);
            if step.before {
                add("before");
            }
            let output = step
                .expectation
                .output
                .as_ref()
                .map(|output| &output.pattern);
            let rest = (&step.expectation.exit, output, step.timeout, step.interrupt);
            add(&format!("{rest:?} {:?}", step.role));
        }
        if let Some((issue, cause)) = self.drill() {
            add(&format!("{:?} {:?}", issue.resolve_within, cause.loss));
            add(&format!("{:?}", cause.astray));
            if self.is_live() {
                let alerts = cause.live.iter().map(|alert| &alert.name);
                add(&format!(
                    "{:?} {:?}",
                    issue.services,
                    alerts.collect::<Vec<_>>()
                ));
                add(live.to_hex().as_str());
            }
        }
        for tree in self.trees() {
            add(&tree.signature());
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// What a book makes us do.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// In the order of the book.
    pub jobs: Vec<Job>,
    /// Where every shell block went.
    pub accounting: Accounting,
}

/// The count of blocks: executed and waived make all shell blocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Accounting {
    /// Blocks that are executed in at least one drill or doc test.
    pub executed: usize,
    /// Blocks that are waived.
    pub waived: usize,
    /// Code blocks in other languages.
    pub other: usize,
}

/// Plans all pages.
pub fn plan(pages: &[Arc<Page>], trees: &[Arc<Tree>]) -> (Plan, Vec<Finding>) {
    let mut plan = Plan::default();
    let mut findings = Vec::new();
    for page in pages {
        if !page.doc_test.is_empty() {
            plan.jobs.push(Job::DocTest {
                page: Arc::clone(page),
                tree: trees.iter().find(|tree| tree.page == page.path).cloned(),
            });
        }
        let leading: Vec<Arc<Tree>> = trees
            .iter()
            .filter(|tree| tree.reaches(&page.path))
            .cloned()
            .collect();
        let n_causes = page.issue.as_ref().map_or(0, |issue| issue.causes.len());
        plan.jobs.extend((0..n_causes).map(|cause| Job::Drill {
            page: Arc::clone(page),
            cause,
            trees: leading.clone(),
            control: None,
        }));
        findings.extend(account(page, &mut plan.accounting));
    }
    (plan, findings)
}

/// Every shell block is executed or waived; one that is neither is an error of its own.
fn account(page: &Page, accounting: &mut Accounting) -> Vec<Finding> {
    let executed: BTreeSet<usize> = page.executed().map(|step| step.block).collect();
    let waived: BTreeSet<usize> = page.waived.iter().map(|step| step.block).collect();
    accounting.executed += executed.len();
    accounting.waived += waived.len();
    accounting.other += page.n_other_blocks;
    let blocks = &page.document.blocks;
    blocks
        .iter()
        .enumerate()
        .filter(|(index, block)| {
            let is_step = block.info.is_shell() && !block.info.attributes.output;
            is_step && !executed.contains(index) && !waived.contains(index)
        })
        .map(|(_, block)| {
            Finding::error(
                "unaccounted-block",
                block.place.clone(),
                "this block is neither executed nor waived",
            )
            .note("it belongs to a cause that is not drilled")
            .help("pair its heading with one under *Drill*, or add `{waive=\"reason\"}`")
        })
        .collect()
}

/// Where a book without a single executed block would pass for nothing.
pub fn nothing_to_run(plan: &Plan, config: &Config) -> Option<Finding> {
    plan.jobs.is_empty().then(|| {
        Finding::error_in(
            "nothing-to-run",
            config.src.join("SUMMARY.md"),
            "the book has no block to execute",
        )
        .help("add a ```bash block to a chapter; an empty run proves nothing")
    })
}
