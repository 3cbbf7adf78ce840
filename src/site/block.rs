//! One block of commands as HTML: its text to the letter, what it is for, and what it destroys.

use super::text::{escape, to_the_letter};
use super::values;
use crate::check::destructive;
use crate::config::Value;
use crate::markdown::{CodeBlock, NotNeeded};
use crate::page::{Cause, Page, Role, Step};

/// The number of each block of commands of `page`, from 1 in the order of the page.
pub(super) fn number(page: &Page, index: usize) -> usize {
    let before = &page.document.blocks[..=index];
    before.iter().filter(|block| is_commands(block)).count()
}

/// Whether the block is executed or waived; an `{output}` fence is neither.
pub(super) fn is_commands(block: &CodeBlock) -> bool {
    block.info.is_shell() && !block.info.attributes.output
}

/// The block `index`, on one line that may stand in a list, in a quote or within a paragraph.
pub(super) fn commands(page: &Page, index: usize, values: &[Value]) -> String {
    let block = &page.document.blocks[index];
    let number = number(page, index);
    let typed = typed(page, index);
    let mut html = format!("<pre data-step=\"{number}\"");
    if typed != block.code || typed.contains('\t') {
        // The site's highlighting makes blanks of tabs.
        html.push_str(&format!(" data-copy=\"{}\"", to_the_letter(&typed)));
    }
    let role = steps(page, index).next().and_then(|step| step.role);
    let cause = cause(page, index);
    if let Some(id) = cause.and_then(|cause| cause.id.as_deref()) {
        html.push_str(&format!(" data-cause=\"{}\"", escape(id)));
    }
    if values::are_filled(role) {
        html.push_str(&values::attributes(values, &typed));
    }
    html.push('>');
    let is_step = matches!(
        role,
        Some(Role::Diagnosis | Role::Resolution | Role::Verification)
    );
    if page.issue.is_some() && is_step {
        html.push_str(&format!(
            "<label class=\"rb-tick\"><input type=\"checkbox\" autocomplete=\"off\"> Step {number} done</label>"
        ));
    }
    if block.info.attributes.danger {
        html.push_str(&warning(&typed, role, cause));
    }
    html.push_str(&not_needed(block));
    html.push_str(&format!(
        "<code class=\"language-{}{}\">{}</code></pre>",
        escape(&block.info.language),
        classes(block),
        to_the_letter(&block.code)
    ));
    html
}

/// What it prints, as a fold on one line.
pub(super) fn output(block: &CodeBlock) -> String {
    let lines = block.code.lines().any(|line| line == "...");
    let note = match (lines, block.code.contains("[..]")) {
        (true, true) => "; ... stands for any lines, [..] for anything",
        (true, false) => "; ... stands for any lines",
        (false, true) => "; [..] stands for anything",
        (false, false) => "",
    };
    format!(
        "<details class=\"rb-expected\" open><summary>It prints{note}</summary>\
         <pre><code class=\"language-{}{}\">{}</code></pre></details>",
        match block.info.language.as_str() {
            "" => "text",
            language => language,
        },
        classes(block),
        to_the_letter(&block.code)
    )
}

/// The text that is given to bash: of a session what stands behind its prompts.
fn typed(page: &Page, index: usize) -> String {
    let code: String = steps(page, index).map(|step| step.code.as_str()).collect();
    if code.is_empty() {
        page.document.blocks[index].code.clone()
    } else {
        code
    }
}

/// The steps that the block was made into: of a session one for each prompt.
fn steps(page: &Page, index: usize) -> impl Iterator<Item = &Step> {
    let mut steps: Vec<&Step> = page
        .executed()
        .chain(&page.waived)
        .filter(|step| step.block == index)
        .collect();
    steps.sort_by_key(|step| step.first_line);
    // What belongs to all causes stands in each.
    steps.dedup_by_key(|step| step.first_line);
    steps.into_iter()
}

/// The cause that the block removes, where it removes one only.
fn cause(page: &Page, index: usize) -> Option<&Cause> {
    let causes = page.issue.as_ref().map_or(&[][..], |issue| &issue.causes);
    let mut removing = causes
        .iter()
        .filter(|cause| cause.resolution.iter().any(|step| step.block == index));
    removing.next().filter(|_| removing.next().is_none())
}

fn warning(typed: &str, role: Option<Role>, cause: Option<&Cause>) -> String {
    let runs = destructive(typed).map_or_else(String::new, |word| {
        format!(" It runs <b>{}</b>.", escape(word))
    });
    let loss = cause
        .and_then(|cause| cause.loss.as_deref())
        .filter(|_| role == Some(Role::Resolution))
        .map_or_else(String::new, |loss| {
            format!(" <b>It loses data:</b> {}", escape(loss))
        });
    format!(
        "<span class=\"rb-warning\"><b>Destructive.</b> Read it before you run it.{runs}{loss}</span>"
    )
}

/// Whether a step that the recovery does not need may be skipped, and what it is good for.
fn not_needed(block: &CodeBlock) -> String {
    let (says, reason) = match &block.info.attributes.not_needed {
        None => return String::new(),
        Some(NotNeeded::Optional(reason)) => ("May be skipped:", reason),
        Some(NotNeeded::Guard(reason)) => ("Do not skip:", reason),
    };
    format!(
        "<span class=\"rb-note\"><b>{says}</b> {}</span>",
        escape(reason)
    )
}

fn classes(block: &CodeBlock) -> String {
    let attributes = &block.info.attributes;
    [
        (attributes.danger, "rb-danger"),
        (attributes.output, "rb-output"),
        (attributes.waive.is_some(), "rb-waived"),
    ]
    .iter()
    .filter(|(on, _)| *on)
    .map(|(_, class)| format!(" {class}"))
    .collect()
}
