//! Blocks of commands and their output in the place of their fences.

use super::block;
use super::page_view::Edits;
use super::text::escape;
use crate::config::Value;
use crate::markdown::CodeBlock;
use crate::page::Page;

/// Whether the page has any block that is shown in a way of ours.
pub(super) fn has_blocks(page: &Page) -> bool {
    page.document.blocks.iter().any(is_ours)
}

fn is_ours(block: &CodeBlock) -> bool {
    block::is_commands(block) || block.info.attributes.output
}

/// The block `index`, of a list or a quote, by itself.
pub(super) fn shown(page: &Page, index: usize, values: &[Value]) -> String {
    let block = &page.document.blocks[index];
    if !is_ours(block) {
        return plain(block);
    }
    let waiver = waiver(block).map_or_else(String::new, |html| format!("\n{html}\n"));
    format!("{}\n{waiver}", html(page, index, values))
}

/// A block of another language.
fn plain(block: &CodeBlock) -> String {
    let longest = block
        .code
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(3));
    let newline = if block.code.is_empty() || block.code.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    format!(
        "{fence}{}\n{}{newline}{fence}\n",
        info_without_attributes(block),
        block.code
    )
}

/// Puts HTML in the place of the fences, and says why a block is waived.
pub(super) fn rewrite(page: &Page, values: &[Value], edits: &mut Edits) {
    let text = page.document.file.text();
    for (index, block) in page.document.blocks.iter().enumerate() {
        if !is_ours(block) {
            strip_attributes(text, block, edits);
            continue;
        }
        let start = block.place.span.start;
        let end = start
            + text[block.place.span.clone()]
                .trim_end_matches(['\n', '\r'])
                .len();
        let waiver = waiver(block);
        let mut new = html(page, index, values);
        if block.info.attributes.output || waiver.is_some() {
            // Such HTML ends with a blank line, in the same list item or quote.
            let prefix = container_prefix(text, block);
            new.push_str(&format!("\n{prefix}\n{prefix}"));
            if let Some(html) = waiver {
                new.push_str(&format!("{html}\n{prefix}"));
            }
        }
        edits.replace(start..end, new);
    }
}

fn html(page: &Page, index: usize, values: &[Value]) -> String {
    let block = &page.document.blocks[index];
    if block::is_commands(block) {
        block::commands(page, index, values)
    } else {
        block::output(block)
    }
}

fn strip_attributes(text: &str, block: &CodeBlock, edits: &mut Edits) {
    if !block.info_text.contains('{') {
        return;
    }
    let line = block.place.file.line_span(block.place.line());
    let from = block.place.span.start;
    if let Some(at) = text[from..line.end].find('{') {
        let start = from + text[from..from + at].trim_end().len();
        edits.replace(start..line.end, "");
    }
}

fn info_without_attributes(block: &CodeBlock) -> &str {
    let info = &block.info_text;
    info.split_once('{')
        .map_or(info.as_str(), |(head, _)| head.trim_end())
}

/// Why it is not executed, as one line of HTML.
fn waiver(block: &CodeBlock) -> Option<String> {
    let attributes = &block.info.attributes;
    let reason = attributes.waive.as_deref()?;
    let until = attributes
        .until
        .map_or_else(String::new, |date| format!(" until {date}"));
    Some(format!(
        "<p class=\"rb-waiver\">This block is not executed{until}: {}</p>",
        escape(reason)
    ))
}

/// What stands before the closing fence: the marks of the list or quote that the block is in.
fn container_prefix(text: &str, block: &CodeBlock) -> String {
    let span = &text[block.place.span.clone()];
    let last = span.trim_end().rsplit('\n').next().unwrap_or_default();
    let length = last.len() - last.trim_start_matches([' ', '\t', '>']).len();
    last[..length].to_owned()
}
