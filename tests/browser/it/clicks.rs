//! From what an operator comes in with to the resolution, by real clicks: never more than two.

use crate::site::{Site, repository};
use crate::tab::Tab;
use crate::world::{Test, World};
use anyhow::{Context, Result, ensure};
use mdbook_runbook::nav::{Matrix, Way};
use std::collections::BTreeSet;

pub(crate) const TESTS: &[(&str, Test)] = &[
    (
        "clicks::each_alert_leads_to_each_resolution",
        |world, tab| Box::pin(alerts(world, tab)),
    ),
    (
        "clicks::the_front_page_leads_to_each_resolution",
        |world, tab| Box::pin(front_page(world, tab)),
    ),
];

/// The most clicks that an operator may need.
const MOST: usize = 2;

async fn alerts(world: &World, tab: &Tab) -> Result<()> {
    let links = alert_links()?;
    ensure!(links.len() > 10, "{} alerts", links.len());
    let matrix = matrix(&world.site)?;
    for (alert, link) in links {
        let entry = format!("alert {alert}");
        let page = link.split(['?', '#']).next().unwrap_or_default();
        let mut ways = ways(&matrix, |way| way.entry == entry);
        if ways.is_empty() {
            // It belongs to no issue page alone: then its page must lead on to each of them.
            ways = one_to_each_page(self::ways(&matrix, |way| way.path[0] == page));
        }
        ensure!(!ways.is_empty(), "{alert} leads to no resolution");
        for mut way in ways {
            // The matrix counts clicks from pages; the link may name a place on its page.
            ensure!(
                way[0].split('#').next() == Some(page),
                "{alert}: {link} is not {}",
                way[0]
            );
            way[0].clone_from(&link);
            walk(tab, &way)
                .await
                .with_context(|| format!("{alert}: {way:?}"))?;
        }
    }
    Ok(())
}

async fn front_page(world: &World, tab: &Tab) -> Result<()> {
    let ways = ways(&matrix(&world.site)?, |way| way.entry == "front page");
    ensure!(ways.len() > 20, "{} resolutions", ways.len());
    for way in ways {
        walk(tab, &way).await.with_context(|| format!("{way:?}"))?;
    }
    Ok(())
}

/// Opens the first address, and clicks its way through the others.
pub(crate) async fn walk(tab: &Tab, way: &[String]) -> Result<()> {
    ensure!(way.len() <= MOST + 1, "{} clicks", way.len() - 1);
    tab.go(&way[0]).await?;
    for to in &way[1..] {
        tab.follow(to).await?;
    }
    Ok(())
}

/// From the front page to one resolution of each issue page.
pub(crate) fn one_way_to_each_page(site: &Site) -> Result<Vec<Vec<String>>> {
    let all = ways(&matrix(site)?, |way| way.entry == "front page");
    Ok(one_to_each_page(all).into_iter().collect())
}

fn one_to_each_page(mut ways: BTreeSet<Vec<String>>) -> BTreeSet<Vec<String>> {
    let mut pages = BTreeSet::new();
    ways.retain(|way| {
        let page = way.last().and_then(|to| to.split('#').next());
        pages.insert(page.map(str::to_owned))
    });
    ways
}

pub(crate) fn matrix(site: &Site) -> Result<Matrix> {
    let json = std::fs::read(site.root.join("navigation.json"))?;
    Ok(serde_json::from_slice(&json)?)
}

/// Some of the ways to resolutions, each once.
fn ways(matrix: &Matrix, wanted: impl Fn(&Way) -> bool) -> BTreeSet<Vec<String>> {
    let all = matrix.rows.iter().flat_map(|row| &row.ways);
    all.filter(|way| wanted(way) && way.clicks.is_some())
        .map(|way| way.path.clone())
        .collect()
}

/// Each alert of the rule file with its link, as it stands there: read by lines, not by the tool.
pub(crate) fn alert_links() -> Result<Vec<(String, String)>> {
    let text = std::fs::read_to_string(repository().join("alerts/alerts.yml"))?;
    let mut links = Vec::new();
    let mut alert = None;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("- alert: ") {
            alert = Some(name.to_owned());
        } else if let Some(url) = line.strip_prefix("runbook_url: ") {
            let path = url
                .trim_matches('\'')
                .strip_prefix("https://runbook.engram.example.com/");
            let path = path.with_context(|| format!("{url} is another book's"))?;
            // As Prometheus fills it in.
            let path = path.replace("{{ $labels.memory_space | urlquery }}", "tenant_b");
            links.push((alert.take().context("a link before any alert")?, path));
        }
    }
    Ok(links)
}
