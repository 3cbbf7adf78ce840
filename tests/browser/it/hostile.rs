//! What a link brings along is shown and copied as a value, whatever it looks like.

use crate::shell::{self, Calls};
use crate::tab::Tab;
use crate::world::{Test, World};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const TESTS: &[(&str, Test)] = &[
    ("hostile::a_value_that_leaves_its_quotes_is_seen", |_, _| {
        Box::pin(async { control() })
    }),
    ("hostile::values_from_a_link_never_run", |world, tab| {
        Box::pin(links(world, tab))
    }),
    ("hostile::values_never_leave_their_quotes", |world, tab| {
        Box::pin(quotes(world, tab))
    }),
];

/// The judge must be able to condemn.
fn control() -> Result<()> {
    let texts = [
        "curl 'http://$(reboot)/' | jq .",
        "curl \"http://$(reboot)/\"",
        "timeout 3 bash -c 'while curl $(reboot); do rm -rf /; done'",
        "while sudo true; do sleep 1; done",
        "curl -H ''; rm -rf /; ''",
    ];
    let calls = shell::calls(&texts.map(str::to_owned))?;
    let words = |call: &Vec<String>| (call[0] != "left").then(|| call.join("|"));
    let calls: Vec<Vec<String>> = calls
        .iter()
        .map(|calls| calls.iter().filter_map(words).collect())
        .collect();
    let expected: [&[&str]; 5] = [
        &["curl|http://$(reboot)/", "jq|."],
        &["curl|http:///", "reboot"],
        &[
            "curl",
            "reboot",
            "rm|-rf|/",
            "timeout|3|bash|-c|while curl $(reboot); do rm -rf /; done",
        ],
        &["sleep|1", "sudo|true"],
        &["", "curl|-H|", "rm|-rf|/"],
    ];
    ensure!(calls == expected, "{calls:?}");
    Ok(())
}

/// A value that means nothing to anyone: what blocks do with it, they must do with the others.
const HARMLESS: &str = "harmless7";

fn hostile() -> Vec<String> {
    let mut all: Vec<String> = [
        "\"><script>window.rbRan=1;alert(1)</script>",
        "</code></pre><img src=x onerror=\"window.rbRan=1;alert(1)\">",
        "<svg/onload=alert(1)>",
        "javascript:alert(1)",
        "$(reboot)",
        "`reboot`",
        "'; rm -rf /; '",
        "\"; rm -rf /; \"",
        "\\'; rm -rf /; #",
        "${x:-$(reboot)}",
        "a\nreboot",
        "a\r\nreboot\r\n",
        "a b",
        "* ?",
        "!! && reboot || rm -rf / | sh > /etc/passwd < /dev/zero &",
        "-rf",
        "{a,b}",
        "~root",
        "__proto__",
        "\u{202e}toober",
    ]
    .map(str::to_owned)
    .to_vec();
    all.push("A".repeat(10_000));
    all
}

/// A block that takes a value: the key of the query, how the block quotes it, where it is.
struct Taker {
    key: String,
    quotes: String,
    page: String,
    step: u64,
}

/// From the link: all keys at once, each with each value in some round.
async fn links(world: &World, tab: &Tab) -> Result<()> {
    let takers = takers(world, tab).await?;
    let keys: BTreeSet<&str> = takers.iter().map(|taker| &*taker.key).collect();
    let keys: Vec<&str> = keys.into_iter().collect();
    ensure!(keys.len() >= 4, "{keys:?}");
    let page = &takers[0].page;
    let usual: Vec<(&str, String)> = keys.iter().map(|key| (*key, HARMLESS.into())).collect();
    visit(tab, page, &usual).await?;
    let before = tab.js(ELEMENTS, vec![]).await?;
    let values = hostile();
    for round in 0..values.len() {
        let value = |index: usize| values[(round + index) % values.len()].clone();
        let query: Vec<(&str, String)> = keys
            .iter()
            .enumerate()
            .map(|(index, key)| (*key, value(index)))
            .collect();
        let said = || format!("{page} with {query:?}");
        visit(tab, page, &query).await.with_context(said)?;
        tab.js(COPY_ALL, vec![]).await.with_context(said)?;
        let now = tab.js(ELEMENTS, vec![]).await?;
        ensure!(now == before, "{}: {now}, not {before}", said());
        let ran = tab.js("return window.rbRan || null;", vec![]).await?;
        ensure!(ran == Value::Null, "{}: a script has run", said());
        let complaints = tab.complaints().await?;
        ensure!(complaints.is_empty(), "{}: {complaints:?}", said());
    }
    Ok(())
}

/// In the form, each value in each kind of quotes: the copied block calls what it calls with a
/// harmless value, with this one in its place as it stands; or it cannot be copied.
async fn quotes(world: &World, tab: &Tab) -> Result<()> {
    let mut taken = BTreeMap::new();
    for taker in takers(world, tab).await? {
        visit(tab, &taker.page, &[]).await?;
        let values = [vec![HARMLESS.to_owned()], hostile()].concat();
        let script = "return (async function (key, step, values) {".to_owned()
            + FILL
            + "}).apply(null, arguments);";
        let arguments = vec![json!(taker.key), json!(taker.step), json!(values)];
        let texts: Vec<String> = serde_json::from_value(tab.js(&script, arguments).await?)?;
        let said = || {
            format!(
                "{} in block {} of {}, quotes {}",
                taker.key, taker.step, taker.page, taker.quotes
            )
        };
        ensure!(
            texts[0].contains(HARMLESS),
            "{}: nothing is filled in:\n{}",
            said(),
            texts[0]
        );
        let n_taken = literal(&values, &texts).with_context(said)?;
        *taken
            .entry((taker.key.clone(), taker.quotes.clone()))
            .or_insert(0) += n_taken;
    }
    let said = taken
        .iter()
        .map(|((key, quotes), n)| format!("{key} {quotes} {n}"));
    world.note(format!(
        "values taken: {}",
        said.collect::<Vec<_>>().join(", ")
    ));
    ensure!(
        taken.values().sum::<usize>() > 100,
        "hardly a value was taken: {taken:?}"
    );
    Ok(())
}

/// The first text has the first value; the number of values that were taken.
fn literal(values: &[String], texts: &[String]) -> Result<usize> {
    let calls = shell::calls(texts)?;
    let uses = calls[0]
        .iter()
        .flatten()
        .any(|word| word.contains(HARMLESS));
    ensure!(uses, "the value is not used: {:?}", calls[0]);
    let mut n_taken = 0;
    for ((value, text), calls_now) in values.iter().zip(texts).zip(&calls).skip(1) {
        if text.is_empty() {
            continue;
        }
        // A field of one line takes no line ends.
        let value = value.replace(['\r', '\n'], "");
        let expected: Calls = calls[0]
            .iter()
            .map(|call| {
                call.iter()
                    .map(|word| word.replace(HARMLESS, &value))
                    .collect()
            })
            .collect();
        ensure!(
            *calls_now == expected,
            "{text}\ncalls {calls_now:?},\nnot {expected:?}"
        );
        n_taken += 1;
    }
    Ok(n_taken)
}

/// Blocks that take values: of each key and each kind of quotes the first two.
async fn takers(world: &World, tab: &Tab) -> Result<Vec<Taker>> {
    let mut takers = Vec::new();
    let mut known: BTreeMap<(String, String), usize> = BTreeMap::new();
    for page in &world.site.pages {
        let page = page.html_path().to_string_lossy().into_owned();
        tab.go(&page).await?;
        let found: Vec<(String, String, u64)> =
            serde_json::from_value(tab.js(TAKERS, vec![]).await?)?;
        for (key, quotes, step) in found {
            let count = known.entry((key.clone(), quotes.clone())).or_default();
            *count += 1;
            if *count <= 2 {
                let page = page.clone();
                takers.push(Taker {
                    key,
                    quotes,
                    page,
                    step,
                });
            }
        }
    }
    Ok(takers)
}

/// Key of the query, kind of quotes, number of the block.
const TAKERS: &str = "const keys = {};
document.querySelectorAll('input[data-query]').forEach(function (input) { keys[input.dataset.value] = input.dataset.query; });
const found = [];
document.querySelectorAll('main pre[data-step]').forEach(function (pre) {
  [['fill', 3], ['export', 2]].forEach(function (kind) {
    (pre.dataset[kind[0]] || '').split(' ').filter(Boolean).forEach(function (place) {
      const parts = place.split(':');
      found.push([keys[parts[0]], kind[0] + ' ' + (parts[kind[1]] || ''), Number(pre.dataset.step)]);
    });
  });
});
return found;";

/// Types each value into the field, and copies the block; nothing where that is refused.
const FILL: &str = "const input = document.querySelector('input[data-query=\"' + key + '\"]');
const pre = document.querySelector('main pre[data-step=\"' + step + '\"]');
return values.map(function (value) {
  input.value = value;
  input.dispatchEvent(new Event('input', { bubbles: true }));
  delete document.documentElement.dataset.rbCopied;
  pre.querySelector('.clip-button').click();
  const anyway = document.querySelector('dialog[open] .rb-copy-anyway');
  if (anyway) { anyway.click(); }
  return document.documentElement.dataset.rbCopied || '';
});";

/// How many there are of each element that could do harm.
const ELEMENTS: &str = "const counts = {};
document.querySelectorAll('script, img, svg, iframe, object, embed, link, base, form, meta, style, a').forEach(function (one) {
  counts[one.nodeName] = (counts[one.nodeName] || 0) + 1;
});
return JSON.stringify(counts);";

/// Presses all buttons.
const COPY_ALL: &str =
    "document.querySelectorAll('main pre[data-step] .clip-button').forEach(function (button) {
  button.click();
  const anyway = document.querySelector('dialog[open] .rb-copy-anyway');
  if (anyway) { anyway.click(); }
});";

/// Opens the page with these values, in a visit of its own.
async fn visit(tab: &Tab, page: &str, query: &[(&str, String)]) -> Result<()> {
    tab.js("sessionStorage.clear(); window.rbRan = null;", vec![])
        .await?;
    let query: Vec<String> = query
        .iter()
        .map(|(key, value)| format!("{key}={}", url_encoded(value)))
        .collect();
    tab.go(&format!("{page}?{}", query.join("&"))).await?;
    let alert = tab.driver.get_alert_text().await;
    ensure!(alert.is_err(), "a dialog: {alert:?}");
    Ok(())
}

fn url_encoded(value: &str) -> String {
    value.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
