//! No page complains, and nothing leaves the site: under the policy, from a file system, and without JavaScript.

use crate::clicks;
use crate::tab::Tab;
use crate::world::{Test, World};
use anyhow::{Context, Result, ensure};
use serde_json::json;

pub(crate) const TESTS: &[(&str, Test)] = &[
    (
        "quiet::no_page_breaks_the_policy_or_asks_another_host",
        |world, tab| Box::pin(served(world, tab)),
    ),
    ("quiet::a_folder_of_files_is_enough", |world, tab| {
        Box::pin(from_files(world, tab))
    }),
    (
        "quiet::resolutions_are_reached_without_scripts",
        |world, tab| Box::pin(without_scripts(world, tab)),
    ),
];

async fn served(world: &World, tab: &Tab) -> Result<()> {
    let mut faults = Vec::new();
    for page in world.site.files(".html") {
        // The table of contents is a frame for browsers without scripts, and has no icon of its own.
        if page == "toc.html" {
            continue;
        }
        tab.go(&page).await?;
        let complaints = tab.complaints().await?;
        faults.extend(complaints.into_iter().map(|what| format!("{page}: {what}")));
        for url in tab.requests().await? {
            if !url.starts_with(&tab.url("")) && !url.starts_with("data:") {
                faults.push(format!("{page} asks for {url}"));
            }
        }
    }
    ensure!(
        faults.is_empty(),
        "{} complaints:\n{}",
        faults.len(),
        faults.join("\n")
    );
    Ok(())
}

/// Found by clicks, and copied, with no server at all.
async fn from_files(world: &World, tab: &Tab) -> Result<()> {
    let tab = &tab.based(format!("file://{}/", world.site.root.display()));
    for way in clicks::one_way_to_each_page(&world.site)? {
        clicks::walk(tab, &way)
            .await
            .with_context(|| format!("{way:?}"))?;
        let complaints = tab.complaints().await?;
        ensure!(complaints.is_empty(), "{way:?}: {complaints:?}");
    }
    tab.js(
        "document.querySelector('main pre[data-step] .clip-button').click();",
        vec![],
    )
    .await?;
    let copied = "return document.documentElement.dataset.rbCopied || null;";
    tab.until("a copy", copied, &[]).await?;
    for url in tab.requests().await? {
        ensure!(!url.starts_with("http"), "a file asks for {url}");
    }
    Ok(())
}

async fn without_scripts(world: &World, tab: &Tab) -> Result<()> {
    tab.cdp(
        "Emulation.setScriptExecutionDisabled",
        json!({ "value": true }),
    )
    .await?;
    for way in clicks::one_way_to_each_page(&world.site)? {
        clicks::walk(tab, &way)
            .await
            .with_context(|| format!("{way:?}"))?;
        let scripted = tab.js(
            "return document.documentElement.classList.contains('js');",
            vec![],
        );
        ensure!(scripted.await? == json!(false), "scripts have run");
    }
    Ok(())
}
