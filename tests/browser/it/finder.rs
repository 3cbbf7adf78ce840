//! What an operator finds at the front page by the keyboard alone, and at addresses that alerts and memory give.

use crate::clicks;
use crate::site::Site;
use crate::tab::Tab;
use crate::world::{Test, World};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;

pub(crate) const TESTS: &[(&str, Test)] = &[
    (
        "finder::each_symptom_leads_to_its_resolution_by_keys",
        |world, tab| Box::pin(keys(world, tab)),
    ),
    ("finder::each_message_finds_its_page_first", |world, tab| {
        Box::pin(messages(world, tab))
    }),
    (
        "finder::an_alert_has_an_address_that_keeps_its_query",
        |world, tab| Box::pin(alerts(world, tab)),
    ),
    (
        "finder::a_lost_address_that_names_an_alert_leads_to_it",
        |_, tab| Box::pin(lost(tab)),
    ),
];

/// What must run alone.
pub(crate) const MEASURING: &[(&str, Test)] = &[(
    "finder::a_thousand_symptoms_are_answered_at_once",
    |world, tab| Box::pin(thousand(world, tab)),
)];

/// The options that are found, as absolute addresses.
const FOUND: &str = "const field = document.getElementById('rb-find');
if (field.value !== arguments[0]) { return false; }
const found = Array.from(document.querySelectorAll('#rb-found a[role=option]')).map(a => a.href);
return found.length ? found : false;";

/// As many arrows down as an operator presses without typing another word.
const MOST_ARROWS: usize = 4;

async fn keys(world: &World, tab: &Tab) -> Result<()> {
    let rows = clicks::matrix(&world.site)?.rows;
    let mut reached = BTreeSet::new();
    for row in &rows {
        let way = row.ways.iter().find(|way| way.entry == "front page");
        let target = way
            .and_then(|way| way.path.last())
            .context("a symptom without a way")?;
        let said = || row.symptom.clone();
        let (url, n_arrows) = typed(tab, &row.symptom, target).await.with_context(said)?;
        // What several symptoms lead to is opened once.
        if reached.insert(target) {
            opened(tab, &url, n_arrows, target)
                .await
                .with_context(said)?;
        }
    }
    Ok(())
}

/// Types the symptom as it stands: what leads to its resolution, and how many arrows down that is.
async fn typed(tab: &Tab, symptom: &str, target: &str) -> Result<(String, usize)> {
    if tab.driver.current_url().await?.as_str() != tab.url("index.html") {
        tab.go("index.html").await?;
    }
    tab.js(
        "const field = document.getElementById('rb-find'); field.focus(); field.select();",
        vec![],
    )
    .await?;
    tab.cdp("Input.insertText", json!({ "text": symptom }))
        .await?;
    let found = tab
        .until("something is found", FOUND, &[json!(symptom)])
        .await?;
    let found: Vec<String> = serde_json::from_value(found)?;
    let page = target.split('#').next().unwrap_or_default();
    let (exact, near) = (tab.url(target), tab.url(page));
    let index = found.iter().position(|url| *url == exact).or_else(|| {
        found
            .iter()
            .position(|url| url.split('#').next() == Some(&*near))
    });
    let index = index.with_context(|| format!("{target} is not among {found:?}"))?;
    ensure!(
        index <= MOST_ARROWS,
        "{target} is number {index} of {found:?}"
    );
    Ok((found[index].clone(), index))
}

/// Chooses with the arrows, and presses Enter: the resolution, or its page and one click more.
async fn opened(tab: &Tab, url: &str, n_arrows: usize, target: &str) -> Result<()> {
    for _ in 0..n_arrows {
        tab.key("ArrowDown").await?;
    }
    tab.key("Enter").await?;
    tab.arrives(url).await?;
    if url != tab.url(target) {
        tab.follow(target).await?;
    }
    Ok(())
}

/// Messages of the specification, as a service fills them in, and the page of each.
const SPECIFIED: &[(&str, &str)] = &[
    (
        "Memory node 'session_abc' not found",
        "issues/space-isolation.html",
    ),
    (
        "Invalid activation level: 1.5 (must be in range [0.0, 1.0])",
        "issues/nan-infinity.html",
    ),
    (
        "Invalid confidence interval: mean=0.8 not in range [0.9, 1.0]",
        "issues/nan-infinity.html",
    ),
    ("WAL operation failed: write", "issues/wal-lag.html"),
    (
        "Failed to prepare persistence directory '/data/engram/space_a'",
        "issues/wont-start.html",
    ),
    (
        "Serialization failed: NaN values in embeddings",
        "issues/nan-infinity.html",
    ),
    (
        "Memory space 'tenant_x' not found",
        "issues/space-isolation.html",
    ),
    (
        "Failed to initialise memory store for space 'tenant_y'",
        "issues/space-isolation.html",
    ),
    (
        "Index corrupted or unavailable",
        "issues/index-corruption.html",
    ),
    (
        "Query failed: activation level below threshold",
        "issues/high-latency.html",
    ),
    (
        "Pattern matching failed: insufficient evidence",
        "issues/high-latency.html",
    ),
    (
        "WAL lag 15.3s exceeds threshold (10s)",
        "issues/wal-lag.html",
    ),
    (
        "Consolidation cycle failed: pattern detection timeout",
        "issues/consolidation-stuck.html",
    ),
    (
        "Failed to deserialize WAL entry at offset 1234567",
        "issues/wal-corruption.html",
    ),
    (
        "Memory allocation failed: out of memory",
        "issues/consolidation-stuck.html",
    ),
    (
        "Failed to open file: too many open files (EMFILE)",
        "issues/high-memory.html",
    ),
    (
        "Disk write failed: no space left on device (ENOSPC)",
        "issues/wal-lag.html",
    ),
];

/// What stands before a message in a log.
const IN_A_LOG: &str = "2026-11-25T03:12:07.114205Z ERROR engram_core::store: ";

/// A message, and the pages of which one must be found first.
type Wanted = (String, Vec<String>);

/// The specification's, those of the book from A to Z, and all lines of the catalogue; each as it
/// stands and as a line of the log with something in the place of what differs.
async fn messages(world: &World, tab: &Tab) -> Result<()> {
    let mut wanted: Vec<Wanted> = SPECIFIED
        .iter()
        .map(|(message, page)| ((*message).to_owned(), vec![(*page).to_owned()]))
        .collect();
    tab.go("troubleshooting.html").await?;
    let listed: Vec<Wanted> = serde_json::from_value(tab.js(A_TO_Z, vec![]).await?)?;
    ensure!(listed.len() > 80, "{} messages from A to Z", listed.len());
    wanted.extend(listed);
    tab.go("error-patterns.html").await?;
    for page in &world.site.pages {
        for family in mdbook_runbook::page::families(page) {
            let heading = json!(family.heading.id);
            let mut pages: Vec<String> =
                serde_json::from_value(tab.js(LINKED, vec![heading]).await?)?;
            pages.push(page.html_path().display().to_string());
            let lines = family.lines.iter();
            wanted.extend(lines.map(|line| (line.text.to_owned(), pages.clone())));
        }
    }
    tab.go("index.html").await?;
    let mut typed: Vec<Wanted> = Vec::new();
    for (message, pages) in &wanted {
        let filled = message.replace('…', "42").replace("[..]", "42");
        typed.push((message.clone(), pages.clone()));
        typed.push((format!("{IN_A_LOG}{filled}"), pages.clone()));
    }
    let lines: Vec<&String> = typed.iter().map(|(line, _)| line).collect();
    let first: Vec<String> = serde_json::from_value(tab.js(FIRST, vec![json!(lines)]).await?)?;
    ensure!(
        first.len() == typed.len() && typed.len() > 250,
        "{}",
        first.len()
    );
    let wrong: Vec<String> = typed
        .iter()
        .zip(&first)
        .filter(|((_, pages), first)| !pages.contains(first))
        .map(|((line, pages), first)| format!("{line}\n  finds `{first}`, not one of {pages:?}"))
        .collect();
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    world.note(format!(
        "messages that find their page first: {}",
        typed.len()
    ));
    Ok(())
}

/// Each message of the tables from A to Z, and the pages that its row leads to.
const A_TO_Z: &str = "const below = name => document.getElementById(name).compareDocumentPosition.bind(document.getElementById(name));
const [after, before] = [below('error-messages'), below('messages-http')];
const page = href => new URL(href, location).pathname.slice(1);
const found = [];
document.querySelectorAll('main td:first-child > code').forEach(code => {
  const inside = (after(code) & Node.DOCUMENT_POSITION_FOLLOWING) && (before(code) & Node.DOCUMENT_POSITION_PRECEDING);
  if (!inside || !code.textContent.includes(' ')) { return; }
  const links = Array.from(code.closest('tr').querySelectorAll('td:not(:first-child) a[href]'));
  found.push([code.textContent, links.map(a => page(a.getAttribute('href')))]);
});
return found;";

/// The pages that a section of the open page leads to.
const LINKED: &str = "const pages = [];
for (let at = document.getElementById(arguments[0]).nextElementSibling; at && at.tagName !== 'H2'; at = at.nextElementSibling) {
  at.querySelectorAll('a[href]').forEach(a => pages.push(new URL(a.getAttribute('href'), location).pathname.slice(1)));
}
return pages;";

/// The page of the first that is found for each line.
const FIRST: &str = "const field = document.getElementById('rb-find');
return arguments[0].map(line => {
  field.value = line;
  field.dispatchEvent(new Event('input', { bubbles: true }));
  const first = document.querySelector('#rb-found a[role=option]');
  return first ? new URL(first.href).pathname.slice(1) : '';
});";

/// What is typed, letter by letter.
const QUERIES: &[&str] = &[
    "connection refused 417",
    "latency",
    "the disk of host 9",
    "E0993",
    "nothing like that",
];

async fn thousand(world: &World, tab: &Tab) -> Result<()> {
    let site = big()?;
    let tab = &tab.based(format!("file://{}/", site.root.display()));
    tab.go("index.html").await?;
    let times: Vec<f64> = serde_json::from_value(tab.js(TIMES, vec![json!(QUERIES)]).await?)?;
    let mut sorted = times.clone();
    sorted.sort_by(f64::total_cmp);
    let (median, worst) = (sorted[sorted.len() / 2], sorted[sorted.len() - 1]);
    world.note(format!(
        "the finder, 1,000 symptoms, {} letters typed: median {median:.1} ms, longest {worst:.1} ms",
        times.len()
    ));
    ensure!(times.len() > 40 && median < 50.0, "{times:?}");
    Ok(())
}

/// Milliseconds from each letter to the list, laid out.
const TIMES: &str = "const field = document.getElementById('rb-find');
const list = document.getElementById('rb-found');
const times = [];
let most = 0;
for (const query of arguments[0]) {
  for (let length = 1; length <= query.length; length += 1) {
    const before = performance.now();
    field.value = query.slice(0, length);
    field.dispatchEvent(new Event('input', { bubbles: true }));
    list.getBoundingClientRect();
    times.push(performance.now() - before);
    most = Math.max(most, list.children.length);
  }
}
if (most < 3) { throw new Error('nothing is found'); }
return times;";

/// A book of a hundred issues with ten symptoms each.
fn big() -> Result<Site> {
    const WORDS: &[&str] = &[
        "latency",
        "connection refused",
        "checksum",
        "the disk of host",
        "queue",
        "memory",
        "certificate",
    ];
    let dir = tempfile::tempdir()?;
    let src = dir.path().join("big/src");
    fs::create_dir_all(&src)?;
    let toml = "[book]\ntitle = \"Big\"\n[preprocessor.runbook]\nrun = \"never\"\n";
    fs::write(dir.path().join("big/book.toml"), toml)?;
    let mut summary = "# Summary\n\n- [Start](start.md)\n".to_owned();
    fs::write(src.join("start.md"), "# Start\n\n<!-- runbook: front -->\n")?;
    for issue in 0..100 {
        summary += &format!("- [Issue {issue}](issue-{issue}.md)\n");
        let symptoms: String = (0..10)
            .map(|n| {
                let word = WORDS[(issue + n) % WORDS.len()];
                format!(
                    "- {word} {} fails with `E{:04}`\n",
                    issue * 7 % 100,
                    issue * 10 + n
                )
            })
            .collect();
        let page = format!(
            "---\nissue: {issue}\nseverity: SEV2\n---\n# Issue {issue}\n\n## Symptoms\n\n{symptoms}\n## Resolution {{#resolution}}\n\nWait.\n"
        );
        fs::write(src.join(format!("issue-{issue}.md")), page)?;
    }
    fs::write(src.join("SUMMARY.md"), summary)?;
    Ok(Site::of(dir, "big"))
}

async fn alerts(world: &World, tab: &Tab) -> Result<()> {
    for (alert, link) in clicks::alert_links()? {
        let said = || alert.clone();
        let address = format!("alerts/{alert}.html");
        tab.go(&format!("{address}?host=db7%26%3Cb%3E")).await?;
        let arrived =
            "return !location.pathname.includes('/alerts/') && document.readyState === 'complete';";
        tab.until("it leads on", arrived, &[])
            .await
            .with_context(said)?;
        let url = tab.driver.current_url().await?;
        let (page, anchor) = parts(&link);
        ensure!(url.path() == format!("/{page}"), "{alert} leads to {url}");
        let host = url.query_pairs().find(|(key, _)| key == "host");
        ensure!(
            host.is_some_and(|(_, value)| value == "db7&<b>"),
            "{alert} loses its query: {url}"
        );
        ensure!(url.fragment() == anchor, "{alert}: {url}");
    }
    // Without scripts it is one click.
    tab.cdp(
        "Emulation.setScriptExecutionDisabled",
        json!({ "value": true }),
    )
    .await?;
    for (alert, link) in clicks::alert_links()? {
        tab.go(&format!("alerts/{alert}.html")).await?;
        let (page, anchor) = parts(&link);
        let anchor = anchor
            .map(|anchor| format!("#{anchor}"))
            .unwrap_or_default();
        tab.follow(&format!("{page}{anchor}"))
            .await
            .with_context(|| alert.clone())?;
    }
    tab.cdp(
        "Emulation.setScriptExecutionDisabled",
        json!({ "value": false }),
    )
    .await?;
    let complaints = tab.complaints().await?;
    ensure!(
        complaints.is_empty(),
        "{} {complaints:?}",
        world.site.root.display()
    );
    Ok(())
}

/// A link's page and anchor, without the query that an alert fills in.
fn parts(link: &str) -> (&str, Option<&str>) {
    let (before, anchor) = match link.split_once('#') {
        Some((before, anchor)) => (before, Some(anchor)),
        None => (link, None),
    };
    (before.split('?').next().unwrap_or_default(), anchor)
}

async fn lost(tab: &Tab) -> Result<()> {
    for address in [
        "EngramDown",
        "old/runbooks/engramdown.html?host=a",
        "alerts/EngramDwon.html",
    ] {
        tab.go(address).await?;
        let meant = "return Array.from(document.querySelectorAll('main a')).some(a => /EngramDown|wont-start/.test(a.href) && a.checkVisibility());";
        tab.until("the alert is meant", meant, &[])
            .await
            .with_context(|| address.to_owned())?;
    }
    Ok(())
}
