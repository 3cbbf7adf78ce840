//! What each copy button puts on the clipboard is what was executed.

use crate::tab::Tab;
use crate::world::{Test, World};
use anyhow::{Context, Result, ensure};
use mdbook_runbook::page::Page;
use serde_json::json;
use std::time::Duration;
use thirtyfour::prelude::*;

pub(crate) const TESTS: &[(&str, Test)] = &[(
    "copy::each_button_copies_the_executed_block",
    |world, tab| Box::pin(each_button(world, tab)),
)];

/// Text that no block holds.
const NOTHING: &str = "nothing was copied";

/// What was copied; afterwards the clipboard is spoilt for the next block.
const COPIED: &str = "const nothing = arguments[0];
return navigator.clipboard.readText().then(function (text) {
  if (text === nothing) { return null; }
  return navigator.clipboard.writeText(nothing).then(function () { return text; });
});";

async fn each_button(world: &World, tab: &Tab) -> Result<()> {
    let mut n_blocks = 0;
    for page in &world.site.pages {
        let expected = blocks(page);
        if expected.is_empty() {
            continue;
        }
        let address = page.html_path().to_string_lossy().into_owned();
        tab.go(&address).await?;
        tab.js("document.querySelectorAll('main details').forEach(function (fold) { fold.removeAttribute('name'); fold.open = true; });", vec![]).await?;
        spoil(tab).await?;
        let shown = tab.driver.find_all(By::Css(SHELL)).await?;
        ensure!(
            shown.len() == expected.len(),
            "{address}: {} blocks are shown, {} were written",
            shown.len(),
            expected.len()
        );
        for (pre, block) in shown.iter().zip(&expected) {
            copies(tab, pre, block)
                .await
                .with_context(|| format!("{address}: {}", block.code))?;
            n_blocks += 1;
        }
    }
    ensure!(n_blocks > 100, "only {n_blocks} blocks");
    Ok(())
}

/// The shell blocks of a page.
const SHELL: &str = "main pre[data-step]";

async fn copies(tab: &Tab, pre: &WebElement, block: &Block) -> Result<()> {
    let copied = press(tab, pre, block.danger).await?;
    ensure!(
        copied.trim_end_matches('\n') == block.code.trim_end_matches('\n'),
        "copied is {}",
        json!(copied)
    );
    Ok(())
}

/// Clears the clipboard, before the first button of a page is pressed.
pub(crate) async fn spoil(tab: &Tab) -> Result<()> {
    let spoil = "return navigator.clipboard.writeText(arguments[0]);";
    tab.js(spoil, vec![json!(NOTHING)]).await?;
    Ok(())
}

/// Presses a block's button with the pointer; what is on the clipboard then.
pub(crate) async fn press(tab: &Tab, pre: &WebElement, danger: bool) -> Result<String> {
    let button = pre.find(By::Css(".clip-button")).await?;
    tab.middle(&button).await?;
    // The button shows itself to a pointer only.
    tab.driver
        .action_chain_with_delay(Some(Duration::ZERO), Some(Duration::ZERO))
        .move_to_element_center(&button)
        .click()
        .perform()
        .await?;
    if danger {
        confirm(tab).await?;
    }
    let copied = tab.until("a copy", COPIED, &[json!(NOTHING)]).await?;
    Ok(copied.as_str().context("no text was copied")?.to_owned())
}

/// Nothing is copied before a second thought.
async fn confirm(tab: &Tab) -> Result<()> {
    let question = tab.driver.find(By::Css("dialog.rb-confirm[open]")).await;
    let question = question.context("copied without a question")?;
    let before = tab.until(
        "nothing copied",
        "return navigator.clipboard.readText();",
        &[],
    );
    ensure!(before.await? == NOTHING, "copied before the answer");
    question
        .find(By::Css(".rb-copy-anyway"))
        .await?
        .click()
        .await?;
    Ok(())
}

/// A block as it is executed.
pub(crate) struct Block {
    pub(crate) code: String,
    pub(crate) danger: bool,
}

/// The page's shell blocks in its order, those that are waived included.
pub(crate) fn blocks(page: &Page) -> Vec<Block> {
    let mut steps: Vec<_> = page.executed().chain(&page.waived).collect();
    steps.sort_by_key(|step| (step.block, step.first_line));
    steps.dedup_by_key(|step| (step.block, step.first_line));
    let mut blocks: Vec<(usize, Block)> = Vec::new();
    for step in steps {
        match blocks.last_mut() {
            // A session is one block of many steps.
            Some((index, block)) if *index == step.block => block.code.push_str(&step.code),
            _ => blocks.push((
                step.block,
                Block {
                    code: step.code.clone(),
                    danger: step.danger,
                },
            )),
        }
    }
    blocks.into_iter().map(|(_, block)| block).collect()
}
