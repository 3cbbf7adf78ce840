//! No page kind breaks a rule of axe-core: light and dark, on a screen and on a phone.

use crate::site::repository;
use crate::tab::Tab;
use crate::world::{Test, World};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(crate) const TESTS: &[(&str, Test)] = &[("axe::no_page_kind_has_a_violation", |world, tab| {
    Box::pin(kinds(world, tab))
})];

/// One page of each kind.
const KINDS: &[&str] = &[
    "index.html",
    "issues/wont-start.html",
    "trees/service-unavailable.html",
    "common-issues.html",
    "troubleshooting.html",
    "error-patterns.html",
    "incident-response.html",
    "alerts.html",
    "drills.html",
    "navigation.html",
    "acceptance.html",
    "404.html",
];

/// Rules of axe-core that mdBook's own template breaks: rule, selector, why it stands.
const OF_MDBOOK: &[(&str, &str, &str)] = &[];

async fn kinds(world: &World, tab: &Tab) -> Result<()> {
    let axe = repository().join("target/axe/node_modules/axe-core/axe.min.js");
    let axe = std::fs::read_to_string(&axe)
        .with_context(|| format!("{} is missing: `make axe` installs it", axe.display()))?;
    // Where something has been played already: the transcript of a drill and of a doc test.
    let files = world.site.files(".html");
    let is_test = |file: &&str| file.ends_with("doc-test.html");
    let transcripts = || {
        files
            .iter()
            .map(String::as_str)
            .filter(|file| file.starts_with("drills/"))
    };
    let played = [
        transcripts().find(is_test),
        transcripts().find(|file| !is_test(file)),
    ];
    let mut faults: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for scheme in ["light", "dark"] {
        tab.prefers(scheme).await?;
        for (width, height) in [(1280, 900), (390, 844)] {
            tab.size(width, height).await?;
            for kind in KINDS.iter().copied().chain(played.into_iter().flatten()) {
                tab.go(kind).await?;
                for (rule, fault) in violations(tab, &axe).await? {
                    faults
                        .entry(rule)
                        .or_default()
                        .push(format!("{kind} ({scheme}, {width}): {fault}"));
                }
            }
        }
    }
    let said: Vec<String> = faults
        .iter()
        .map(|(rule, all)| {
            format!(
                "{rule}, {} times, such as\n  {}",
                all.len(),
                all[..all.len().min(4)].join("\n  ")
            )
        })
        .collect();
    ensure!(faults.is_empty(), "{}", said.join("\n"));
    Ok(())
}

/// What axe-core finds wrong on the open page.
async fn violations(tab: &Tab, axe: &str) -> Result<Vec<(String, String)>> {
    tab.js(axe, vec![])
        .await
        .map_err(|_| anyhow::anyhow!("axe-core does not load"))?;
    let options = json!({
        "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
        "resultTypes": ["violations"],
    });
    let found = tab
        .js("return axe.run(document, arguments[0]).then(function (result) { return result.violations; });", vec![options])
        .await?;
    let mut faults = Vec::new();
    for violation in found
        .as_array()
        .context("axe-core found nothing, not even nothing")?
    {
        let rule = violation["id"].as_str().unwrap_or_default();
        for node in violation["nodes"].as_array().into_iter().flatten() {
            let selector = node["target"].as_array().map(|parts| {
                parts
                    .iter()
                    .filter_map(Value::as_str)
                    .collect::<Vec<_>>()
                    .join(" ")
            });
            let selector = selector.unwrap_or_default();
            if !OF_MDBOOK
                .iter()
                .any(|(known, place, _)| *known == rule && selector.contains(place))
            {
                faults.push((
                    rule.to_owned(),
                    format!(
                        "{selector}: {}",
                        node["failureSummary"]
                            .as_str()
                            .unwrap_or_default()
                            .replace('\n', " ")
                    ),
                ));
            }
        }
    }
    Ok(faults)
}
