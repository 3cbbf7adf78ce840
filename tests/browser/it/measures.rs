//! What the site costs an operator: bytes, milliseconds, and things that move away under the pointer.

use crate::tab::Tab;
use crate::world::{Test, World};
use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use std::io::Write;
use std::time::Duration;

pub(crate) const TESTS: &[(&str, Test)] = &[
    ("measures::the_front_page_is_small", |world, tab| {
        Box::pin(bytes(world, tab))
    }),
    (
        "measures::nothing_moves_while_a_page_loads",
        |world, tab| Box::pin(shifts(world, tab)),
    ),
];

/// The most that the front page may cost, compressed, without fonts.
const MOST_BYTES: usize = 150_000;

/// Pages on which an operator clicks.
const CLICKED: &[&str] = &[
    "index.html",
    "issues/wont-start.html",
    "trees/service-unavailable.html",
    "drills.html",
];

async fn bytes(world: &World, tab: &Tab) -> Result<()> {
    tab.forget().await?;
    tab.go("index.html").await?;
    let mut total = 0;
    let mut table = String::new();
    for url in tab.requests().await? {
        let Some(path) = url.strip_prefix(&tab.url("")) else {
            continue;
        };
        if path.contains("fonts/") {
            continue;
        }
        let file = std::fs::read(world.site.root.join(path)).with_context(|| url.clone())?;
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&file)?;
        let length = gzip.finish()?.len();
        total += length;
        table += &format!("{length:>9} {path}\n");
    }
    ensure!(
        total > 10_000 && total < MOST_BYTES,
        "{total} bytes:\n{table}"
    );
    world.note(format!(
        "the front page: {total} bytes, compressed, without fonts"
    ));
    Ok(())
}

/// What of mdBook's own moves text once it is there: fonts that come late, and the colours of code.
const OF_MDBOOK: &[&str] = &["*/fonts/*", "*/highlight-*.js"];

/// Without mdBook's movers nothing moves, whatever our scripts add.
async fn shifts(_world: &World, tab: &Tab) -> Result<()> {
    tab.cdp("Network.enable", json!({})).await?;
    tab.cdp("Network.setBlockedURLs", json!({ "urls": OF_MDBOOK }))
        .await?;
    for (width, height) in [(1280, 900), (390, 844)] {
        tab.size(width, height).await?;
        for page in CLICKED {
            tab.go(page).await?;
            // What comes late comes after the page has loaded.
            tokio::time::sleep(Duration::from_millis(300)).await;
            let moved = tab.js(SHIFTS, vec![]).await?;
            let none = moved.as_array().is_some_and(Vec::is_empty);
            ensure!(none, "{page} at {width}: {moved}");
        }
    }
    Ok(())
}

/// Each shift of something in the page's text: how much, what, from where to where.
const SHIFTS: &str = "return new Promise(function (done) {
  const all = [];
  new PerformanceObserver(function (list) {
    list.getEntries().forEach(function (entry) {
      entry.sources.forEach(function (source) {
        const node = source.node && (source.node.closest ? source.node : source.node.parentElement);
        if (!node || !node.closest('main')) { return; }
        all.push([entry.value, node.outerHTML.slice(0, 100), source.previousRect, source.currentRect]);
      });
    });
  }).observe({ type: 'layout-shift', buffered: true });
  setTimeout(function () { done(all); }, 100);
});";
