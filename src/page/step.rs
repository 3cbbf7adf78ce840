//! Code blocks made into steps: what to run, and what it must do.

use super::Role;
use crate::config::Headings;
use crate::finding::Finding;
use crate::markdown::{Attributes, CodeBlock, Document, Exit, NotNeeded};
use crate::source::Place;
use std::time::Duration;

/// The time limit of a block that sets none.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// What a block must print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The text of the fence: literal lines, `...` for any lines, `[..]` within a line.
    pub pattern: String,
    /// The fence that holds it.
    pub place: Place,
    /// The bytes of the pattern in the file.
    pub text: Place,
    /// Whether they may be rewritten in place: in a list or a quote the lines carry a prefix.
    pub rewritable: bool,
}

/// What a block must satisfy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// Its exit status.
    pub exit: Exit,
    /// Its output, stdout and stderr as a terminal shows them.
    pub output: Option<Output>,
}

/// Why a block is not executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// The reason, shown to readers.
    pub reason: String,
    /// The last day on which it holds.
    pub until: Option<jiff::civil::Date>,
}

/// One thing to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The index of its block in the document.
    pub block: usize,
    /// The block.
    pub place: Place,
    /// The line of its first line of code, counted from 1.
    pub first_line: usize,
    /// What bash is given.
    pub code: String,
    /// What it must satisfy.
    pub expectation: Expectation,
    /// After this it is killed and fails.
    pub timeout: Duration,
    /// After this it gets Ctrl-C.
    pub interrupt: Option<Duration>,
    /// It runs while all is well: what it stores, the recovery must keep.
    pub before: bool,
    /// It is destructive.
    pub danger: bool,
    /// Set where it is not executed.
    pub waiver: Option<Waiver>,
    /// Capabilities named on it.
    pub needs: Vec<String>,
    /// What the cause's resolution loses.
    pub loss: Option<String>,
    /// Other causes that the cause's resolution removes too, each with the reason.
    pub also: Vec<(String, String)>,
    /// Decision trees that may miss the cause, each with the reason.
    pub astray: Vec<(String, String)>,
    /// Why it stands there though the cause is removed without it.
    pub not_needed: Option<NotNeeded>,
    /// What it is for, by the nearest heading above it that says so.
    pub role: Option<Role>,
    /// The index of the heading directly below the role's, where it stands under one.
    pub part: Option<usize>,
}

/// The steps of a document in its order, and the number of blocks that are none.
pub(super) fn steps(document: &Document, headings: &Headings) -> (Vec<Step>, usize, Vec<Finding>) {
    let mut findings = Vec::new();
    let mut steps: Vec<Step> = Vec::new();
    let mut n_other = 0;
    let mut last_shell = None;
    for (index, block) in document.blocks.iter().enumerate() {
        if block.info.is_shell() && !block.info.attributes.output {
            let new = of_block(document, headings, index);
            findings.extend(misplaced(block, new[0].role));
            last_shell = Some((index, steps.len() + new.len() - 1));
            steps.extend(new);
            continue;
        }
        n_other += 1;
        if !block.info.attributes.output {
            last_shell = None;
            continue;
        }
        match last_shell.take() {
            Some((owner, step)) if document.blocks[owner].under == block.under => {
                steps[step].expectation.output = Some(output(document, block));
            }
            _ => findings.push(
                Finding::error(
                    "output-without-block",
                    first_line(block),
                    "an `{output}` fence that follows no block",
                )
                .help("put it directly after the bash block whose output it shows"),
            ),
        }
    }
    (steps, n_other, findings)
}

fn misplaced(block: &CodeBlock, role: Option<Role>) -> Vec<Finding> {
    let attributes = &block.info.attributes;
    let mut findings = Vec::new();
    if attributes.interrupt.is_some() && attributes.exit.is_some() {
        findings.push(
            Finding::error(
                "unknown-attribute",
                first_line(block),
                "`interrupt` and an exit status exclude each other",
            )
            .help("an interrupted block passes if it has printed something; drop the other"),
        );
    }
    if let Some(not_needed) = &attributes.not_needed
        && (role != Some(Role::Resolution) || attributes.waive.is_some())
    {
        findings.push(
            Finding::error(
                "unknown-attribute",
                first_line(block),
                format!(
                    "`{}` on a block that is no step of a resolution",
                    not_needed.attribute()
                ),
            )
            .note("it has no effect here")
            .help("it says why an executed step under *Resolution* stands there though the drill recovers without it; drop it"),
        );
    }
    findings
}

fn output(document: &Document, block: &CodeBlock) -> Output {
    let text = &document.file.text()[block.code_span.clone()];
    Output {
        pattern: block.code.clone(),
        place: block.place.clone(),
        text: Place::new(&document.file, block.code_span.clone()),
        rewritable: text.replace("\r\n", "\n") == block.code,
    }
}

fn of_block(document: &Document, headings: &Headings, index: usize) -> Vec<Step> {
    let block = &document.blocks[index];
    let (role, part) = role(document, headings, block);
    let attributes = &block.info.attributes;
    let step = Step {
        block: index,
        place: first_line(block),
        first_line: block.first_line,
        code: block.code.clone(),
        expectation: Expectation {
            exit: exit(attributes, role),
            output: None,
        },
        timeout: attributes.timeout.unwrap_or(DEFAULT_TIMEOUT),
        interrupt: attributes.interrupt,
        before: attributes.before,
        danger: attributes.danger,
        waiver: attributes.waive.as_ref().map(|reason| Waiver {
            reason: reason.clone(),
            until: attributes.until,
        }),
        needs: attributes.needs.clone(),
        loss: attributes.loss.clone(),
        also: attributes.also.clone(),
        astray: attributes.astray.clone(),
        not_needed: attributes.not_needed.clone(),
        role,
        part,
    };
    if block.info.is_session() {
        session(document, block, &step)
    } else {
        vec![step]
    }
}

fn exit(attributes: &Attributes, role: Option<Role>) -> Exit {
    attributes.exit.unwrap_or(match role {
        Some(Role::Diagnosis) => Exit::Runs,
        _ => Exit::Status(0),
    })
}

/// Splits `$ command`, `> continuation` and output lines into steps.
fn session(document: &Document, block: &CodeBlock, base: &Step) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (number, line) in block.code.lines().enumerate() {
        if let Some(command) = line.strip_prefix("$ ") {
            let mut step = base.clone();
            step.first_line = base.first_line + number;
            step.place = Place::line_of(&document.file, step.first_line);
            step.code = format!("{command}\n");
            steps.push(step);
            continue;
        }
        let Some(step) = steps.last_mut() else {
            continue;
        };
        if let Some(more) = line
            .strip_prefix("> ")
            .filter(|_| step.expectation.output.is_none())
        {
            step.code.push_str(more);
            step.code.push('\n');
            continue;
        }
        let output = step.expectation.output.get_or_insert_with(|| Output {
            pattern: String::new(),
            place: Place::line_of(&document.file, base.first_line + number),
            text: Place::line_of(&document.file, base.first_line + number),
            rewritable: false,
        });
        output.pattern.push_str(line);
        output.pattern.push('\n');
    }
    if steps.is_empty() {
        // Without a prompt it is a script under another name: it must not go unexecuted.
        steps.push(base.clone());
    }
    steps
}

fn role(
    document: &Document,
    headings: &Headings,
    block: &CodeBlock,
) -> (Option<Role>, Option<usize>) {
    for (depth, index) in block.under.iter().enumerate().rev() {
        if let Some(role) = headings.role(&document.headings[*index].text) {
            return (Some(role), block.under.get(depth + 1).copied());
        }
    }
    (None, None)
}

/// The opening fence: what messages show and count lines from.
pub(super) fn first_line(block: &CodeBlock) -> Place {
    let file = &block.place.file;
    let start = block.place.span.start;
    let end = file.line_span(block.place.line()).end;
    Place::new(file, start..end.max(start))
}
