//! No page kind breaks a rule of axe-core: light and dark, on a screen and on a phone.

use crate::site::repository;
use crate::tab::Tab;
use crate::world::{Test, World};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(crate) const TESTS: &[(&str, Test)] = &[
    ("axe::no_page_kind_has_a_violation", |world, tab| {
        Box::pin(kinds(world, tab))
    }),
    ("axe::no_theme_has_a_violation", |_, tab| {
        Box::pin(themes(tab))
    }),
];

/// One page of each kind, and what is done there first.
const KINDS: &[(&str, &str)] = &[
    ("index.html", ""),
    ("index.html", TYPED),
    ("issues/wont-start.html", ""),
    ("issues/wont-start.html?host=db7&port=%24(x)", UNFOLDED),
    ("issues/wont-start.html", ASKED),
    ("issues/space-isolation.html", ""),
    ("trees/service-unavailable.html", UNFOLDED),
    ("common-issues.html", ""),
    ("troubleshooting.html", ""),
    ("error-patterns.html", ""),
    ("incident-response.html", ""),
    ("alerts.html", ""),
    ("alerts/EngramDown.html", ""),
    ("drills.html", ""),
    ("drills/wont-start/port-conflict.html", UNFOLDED),
    ("drills/capacity/doc-test.html", UNFOLDED),
    ("navigation.html", ""),
    ("acceptance.html", ""),
    ("nothing/engramdown", ""),
];

/// Something is found.
const TYPED: &str = "const field = document.getElementById('rb-find');
field.value = 'permission denied';
field.dispatchEvent(new Event('input', { bubbles: true }));";

/// All is open.
const UNFOLDED: &str = "document.querySelectorAll('main details').forEach(fold => { fold.removeAttribute('name'); fold.open = true; });";

/// A dangerous block is about to be copied.
const ASKED: &str = "const code = document.querySelector('pre[data-step] > code.rb-danger');
code.parentElement.querySelector('.clip-button').click();";

async fn kinds(world: &World, tab: &Tab) -> Result<()> {
    let mut faults = Faults::load()?;
    // An address of an alert leads on at once, where scripts run.
    tab.cdp("Network.enable", json!({})).await?;
    // Colours depend on the scheme, the rest on the width.
    for (scheme, width, height) in [("light", 1280, 900), ("dark", 390, 844)] {
        tab.prefers(scheme).await?;
        tab.size(width, height).await?;
        for (address, first) in KINDS {
            // Without evidence there is no transcript.
            if address.starts_with("drills/") && !world.site.root.join(address).exists() {
                continue;
            }
            let blocked: &[&str] = if address.starts_with("alerts/") {
                &["*.js"]
            } else {
                &[]
            };
            tab.cdp("Network.setBlockedURLs", json!({ "urls": blocked }))
                .await?;
            tab.go(address).await?;
            tab.js(first, vec![]).await?;
            faults
                .find(tab, &format!("{address} ({scheme}, {width})"))
                .await?;
        }
    }
    faults.none()
}

/// Each theme that a reader can choose.
async fn themes(tab: &Tab) -> Result<()> {
    let mut faults = Faults::load()?;
    for theme in ["light", "rust", "coal", "navy", "ayu"] {
        for (address, first) in [KINDS[1], KINDS[3], KINDS[6], KINDS[14]] {
            tab.go("toc.html").await?;
            let choose = "localStorage.setItem('mdbook-theme', arguments[0]);";
            tab.js(choose, vec![json!(theme)]).await?;
            tab.go(address).await?;
            tab.js(first, vec![]).await?;
            faults.find(tab, &format!("{address} ({theme})")).await?;
        }
    }
    faults.none()
}

/// What was found, by rule.
struct Faults {
    axe: String,
    by_rule: BTreeMap<String, Vec<String>>,
}

impl Faults {
    fn load() -> Result<Self> {
        let axe = repository().join("target/axe/node_modules/axe-core/axe.min.js");
        let axe = std::fs::read_to_string(&axe)
            .with_context(|| format!("{} is missing: `make axe` installs it", axe.display()))?;
        Ok(Self {
            axe,
            by_rule: BTreeMap::new(),
        })
    }

    async fn find(&mut self, tab: &Tab, place: &str) -> Result<()> {
        for (rule, fault) in violations(tab, &self.axe).await? {
            let all = self.by_rule.entry(rule).or_default();
            all.push(format!("{place}: {fault}"));
        }
        Ok(())
    }

    fn none(self) -> Result<()> {
        let said = |(rule, all): (&String, &Vec<String>)| {
            let some = all[..all.len().min(6)].join("\n  ");
            format!("{rule}, {} times, such as\n  {some}", all.len())
        };
        let said: Vec<String> = self.by_rule.iter().map(said).collect();
        ensure!(said.is_empty(), "{}", said.join("\n"));
        Ok(())
    }
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
            let path = node["target"].as_array().into_iter().flatten();
            let selector: Vec<&str> = path.filter_map(Value::as_str).collect();
            let why = node["failureSummary"].as_str().unwrap_or_default();
            let fault = format!("{}: {}", selector.join(" "), why.replace('\n', " "));
            faults.push((rule.to_owned(), fault));
        }
    }
    Ok(faults)
}
