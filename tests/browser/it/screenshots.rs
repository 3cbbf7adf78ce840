//! What the pages look like: five kinds, dark and light, on a screen and on a phone, as documentation.

use crate::tab::Tab;
use crate::world::World;
use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use std::path::PathBuf;

/// The variable that names the folder for them; with it nothing is tested.
pub(crate) const FOLDER: &str = "RUNBOOK_SCREENSHOTS";

/// The name of the kind, its address, and what is done there first.
const KINDS: &[(&str, &str, &str)] = &[
    ("front", "index.html", TYPED),
    ("issue", "issues/wont-start.html", ""),
    (
        "tree",
        "trees/service-unavailable.html#decision-tree",
        UNFOLDED,
    ),
    ("drills", "drills.html", ""),
    ("transcript", "drills/wont-start/port-conflict.html", ""),
    ("lost", "runbooks/EngramHighMemory", ""),
];

/// As an operator who looks for something.
const TYPED: &str = "const field = document.getElementById('rb-find');
if (field) {
  field.value = 'permission denied';
  field.dispatchEvent(new Event('input', { bubbles: true }));
}";

/// The first question, and the first below it.
const UNFOLDED: &str = "document.querySelectorAll('main details').forEach((fold, index) => { if (index < 2) { fold.open = true; } });";

pub(crate) fn wanted() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

pub(crate) async fn take(_world: &World, tab: &Tab) -> Result<()> {
    let folder = wanted().context("no folder")?;
    std::fs::create_dir_all(&folder)?;
    for (shape, width, height) in [("wide", 1280, 900), ("narrow", 390, 844)] {
        tab.size(width, height).await?;
        for scheme in ["light", "dark"] {
            tab.prefers(scheme).await?;
            for (name, address, first) in KINDS {
                tab.go("toc.html").await?;
                tab.go(address).await?;
                tab.js(first, vec![]).await?;
                let still = "return document.fonts.ready.then(() => new Promise(done => setTimeout(() => done(true), 400)));";
                tab.js(still, vec![]).await?;
                let format = json!({ "format": "webp", "quality": 75 });
                let shot = tab.cdp("Page.captureScreenshot", format).await?;
                let shot = shot["data"].as_str().context("no picture")?;
                std::fs::write(
                    folder.join(format!("{name}-{shape}-{scheme}.webp")),
                    BASE64_STANDARD.decode(shot)?,
                )?;
            }
        }
    }
    Ok(())
}
