//! Blocks as the site shows them: attributes become classes, waivers become sentences.

use super::page_view::Edits;
use super::text::escape;
use crate::markdown::CodeBlock;
use crate::page::Page;

/// Whether the page has any block that is shown in a way of ours.
pub(super) fn has_blocks(page: &Page) -> bool {
    page.document
        .blocks
        .iter()
        .any(|block| block.info.is_shell())
}

/// A block of a list or a quote, by itself: its fence at the beginning of the line.
pub(super) fn shown(block: &CodeBlock) -> String {
    let longest = block
        .code
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(3));
    let info = match block.info_text.split_once('{') {
        Some((head, _)) => head.trim_end().to_owned() + &classes(block),
        None => block.info_text.clone(),
    };
    let code = &block.code;
    let newline = if code.is_empty() || code.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    let waiver = block.info.attributes.waive.is_some().then(|| waiver(block));
    let waiver = waiver.map_or_else(String::new, |html| format!("\n{html}\n"));
    format!("{fence}{info}\n{code}{newline}{fence}\n{waiver}")
}

/// Rewrites the info strings, and says why a block is waived.
pub(super) fn rewrite(page: &Page, edits: &mut Edits) {
    for block in &page.document.blocks {
        let text = page.document.file.text();
        let attributes = &block.info.attributes;
        if block.info_text.contains('{') {
            let line = page.document.file.line_span(block.place.line());
            let from = block.place.span.start;
            if let Some(at) = text[from..line.end].find('{') {
                let start = from + text[from..from + at].trim_end().len();
                edits.replace(start..line.end, classes(block));
            }
        }
        if attributes.waive.is_some() {
            let prefix = container_prefix(text, block);
            let html = waiver(block);
            let end = block.place.span.start
                + text[block.place.span.clone()]
                    .trim_end_matches(['\n', '\r'])
                    .len();
            edits.insert(end, format!("\n{prefix}\n{prefix}{html}\n{prefix}"));
        }
    }
}

/// Why it is not executed, as one line of HTML.
fn waiver(block: &CodeBlock) -> String {
    let attributes = &block.info.attributes;
    let reason = attributes.waive.as_deref().unwrap_or_default();
    let until = attributes
        .until
        .map_or_else(String::new, |date| format!(" until {date}"));
    format!(
        "<p class=\"rb-waiver\">This block is not executed{until}: {}</p>",
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
    .map(|(_, class)| format!(",{class}"))
    .collect()
}

/// What stands before the closing fence: the marks of the list or quote that the block is in.
fn container_prefix(text: &str, block: &CodeBlock) -> String {
    let span = &text[block.place.span.clone()];
    let last = span.trim_end().rsplit('\n').next().unwrap_or_default();
    let length = last.len() - last.trim_start_matches([' ', '\t', '>']).len();
    last[..length].to_owned()
}
