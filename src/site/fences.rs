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
        if let Some(reason) = &attributes.waive {
            let until = attributes
                .until
                .map_or_else(String::new, |date| format!(" until {date}"));
            let prefix = container_prefix(text, block);
            let html = format!(
                "<p class=\"rb-waiver\">This block is not executed{until}: {}</p>",
                escape(reason)
            );
            let end = block.place.span.start
                + text[block.place.span.clone()]
                    .trim_end_matches(['\n', '\r'])
                    .len();
            edits.insert(end, format!("\n{prefix}\n{prefix}{html}\n{prefix}"));
        }
    }
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
