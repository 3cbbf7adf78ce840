//! An incident is resolved by what the page gives, and by nothing else: found by clicks, copied by
//! its buttons, pasted into the shell of a game day.

use crate::copy;
use crate::site::{Playground, program};
use crate::tab::Tab;
use crate::world::{Test, World};
use anyhow::{Context, Result, ensure};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use thirtyfour::prelude::*;

pub(crate) const TESTS: &[(&str, Test)] = &[(
    "drill::copied_commands_resolve_an_incident",
    |world, tab| Box::pin(incident(world, tab)),
)];

/// A running game day; it ends with the test.
struct GameDay(Child);

impl Drop for GameDay {
    fn drop(&mut self) {
        // The end of its input makes it clean up behind itself.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

async fn incident(_world: &World, tab: &Tab) -> Result<()> {
    let ground = Playground::new()?;
    let child = Command::new(program())
        .args([
            "gameday",
            "wont-start",
            "--cause",
            "port conflict",
            "--no-prepare",
        ])
        .args(["--patience", "60s", "-C", "book"])
        .current_dir(ground.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut day = GameDay(child);
    let mut lines = BufReader::new(day.0.stdout.take().context("no output")?);
    let mut said = String::new();
    while !said.contains("leave the shell") {
        ensure!(lines.read_line(&mut said)? > 0, "no game day:\n{said}");
    }
    let url = said
        .lines()
        .find_map(|line| line.strip_prefix("the book: "));
    let tab = &tab.based(url.context("no address of the book")?.to_owned());
    tab.may_use_clipboard().await?;
    // The alert's link, then one click.
    tab.go("issues/wont-start.html").await?;
    tab.follow("issues/wont-start.html#port-conflict").await?;
    let pasted = resolution(tab, "port-conflict").await?;
    let stdin = day.0.stdin.as_mut().context("no input")?;
    stdin.write_all(pasted.as_bytes())?;
    drop(day.0.stdin.take());
    lines.read_to_string(&mut said)?;
    let status = day.0.wait()?;
    ensure!(
        status.success() && said.contains("solved in"),
        "{pasted}\n{said}"
    );
    Ok(())
}

/// What the buttons between a cause's heading and the next one copy.
async fn resolution(tab: &Tab, cause: &str) -> Result<String> {
    let blocks = tab
        .driver
        .execute(
            "const found = [];
             for (let at = document.getElementById(arguments[0]).nextElementSibling; at; at = at.nextElementSibling) {
               if (/^H[1-4]$/.test(at.tagName)) { break; }
               if (at.matches('pre[data-step]')) { found.push(at); }
               found.push(...at.querySelectorAll('pre[data-step]'));
             }
             return found;",
            vec![cause.into()],
        )
        .await?
        .elements()?;
    ensure!(!blocks.is_empty(), "no blocks under {cause}");
    copy::spoil(tab).await?;
    let mut pasted = String::new();
    for block in &blocks {
        let code = block.find(By::Css("code")).await?;
        let danger = code
            .class_name()
            .await?
            .is_some_and(|all| all.contains("rb-danger"));
        pasted += copy::press(tab, block, danger)
            .await?
            .trim_end_matches('\n');
        pasted.push('\n');
    }
    Ok(pasted)
}
