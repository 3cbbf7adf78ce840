//! Issue pages as an operator sees them: the card, the blocks, their output, their warnings.

use crate::book::Book;
use scraper::{ElementRef, Html, Selector};

const ISSUE: &str = "---\nissue: 1\nseverity: SEV1\nalerts: [DownAlert]\n---\n# Down\n\n## Symptoms\n\n- it is down\n\n\
## Diagnosis\n\n1. Look:\n   ```bash\n   cat <<-'end' | tr a b\n   \ta <b> & \"c\" {{#include x}}\n\n   \tend\n   ```\n   ```text {output}\n   b <b> [..]\n   ...\n   ```\n2. And a session:\n\n   ```console\n   $ echo one \\\n   > two\n   one two\n   $ echo three\n   three\n   ```\n\n\
## Resolution {#resolution}\n\n### Off {#off}\n\n```bash {danger}\nrm -f /var/off\n```\n```text {output}\n```\n\n\
## Verification\n\n```bash\ntest ! -e /var/off\n```\n\n## Drill\n\n### Off\n\n```bash\ntouch /var/off\n```\n";

fn built(page: &str) -> Html {
    let book = Book::new()
        .toml("[preprocessor.runbook]\nrun = \"never\"\n")
        .page("issues/down.md", page);
    book.run(&["build"]).status(0);
    Html::parse_document(&book.read("book/issues/down.html"))
}

fn select<'a>(html: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    html.select(&Selector::parse(selector).unwrap()).collect()
}

fn text(element: ElementRef<'_>) -> String {
    element.text().collect()
}

/// What the copy button takes.
fn copied(pre: ElementRef<'_>) -> String {
    match pre.value().attr("data-copy") {
        Some(typed) => typed.to_owned(),
        None => text(
            pre.select(&Selector::parse("code").unwrap())
                .next()
                .unwrap(),
        ),
    }
}

#[test]
fn each_block_has_its_number_and_the_text_that_was_executed() {
    let html = built(ISSUE);
    let blocks = select(&html, "pre[data-step]");
    let copied: Vec<String> = blocks.iter().map(|pre| copied(*pre)).collect();
    assert_eq!(
        copied,
        [
            "cat <<-'end' | tr a b\n\ta <b> & \"c\" {{#include x}}\n\n\tend\n",
            "echo one \\\ntwo\necho three\n",
            "rm -f /var/off\n",
            "test ! -e /var/off\n",
            "touch /var/off\n",
        ]
    );
    let numbers: Vec<_> = blocks
        .iter()
        .map(|pre| pre.value().attr("data-step"))
        .collect();
    assert_eq!(
        numbers,
        [Some("1"), Some("2"), Some("3"), Some("4"), Some("5")]
    );
    // A session is shown as it was written.
    assert!(text(blocks[1]).contains("$ echo one \\\n> two\none two\n"));
}

#[test]
fn output_is_folded_under_its_block() {
    let html = built(ISSUE);
    let outputs = select(&html, "details.rb-expected[open]");
    assert_eq!(outputs.len(), 2);
    let first: String = text(outputs[0]);
    assert!(first.contains("b <b> [..]\n...\n"), "{first}");
    assert!(
        first.contains("stands for any lines, [..] for anything"),
        "{first}"
    );
    assert!(!text(outputs[1]).contains("stands for"));
    // Both stand in the list item of their block, or at the top level.
    assert_eq!(select(&html, "main li > details.rb-expected").len(), 1);
    assert_eq!(select(&html, "main > details.rb-expected").len(), 1);
}

#[test]
fn a_destructive_block_says_what_it_runs_and_what_is_lost() {
    let html = built(&ISSUE.replace("{danger}", "{danger loss=\"the <last> minute\"}"));
    let warnings = select(&html, "pre[data-cause=off] > .rb-warning");
    assert_eq!(warnings.len(), 1);
    let warning = text(warnings[0]);
    assert!(warning.contains("It runs rm."), "{warning}");
    assert!(
        warning.contains("It loses data: the <last> minute"),
        "{warning}"
    );
    assert_eq!(select(&built(ISSUE), "pre:has(> .rb-warning)").len(), 1);
}

#[test]
fn steps_of_an_operator_can_be_ticked_and_those_of_a_drill_cannot() {
    let html = built(ISSUE);
    assert_eq!(select(&html, "pre[data-step] .rb-tick input").len(), 4);
    assert_eq!(select(&html, ".rb-drill .rb-tick").len(), 0);
}

const VALUES: &str = "[preprocessor.runbook]\nrun = \"never\"\n[preprocessor.runbook.values.host]\ndefault = \"localhost\"\ntext = [\"{}:80\"]\n\
    [preprocessor.runbook.values.dir]\nlabel = \"The <folder>\"\nvariable = \"DIR\"\nquery = \"d\"\n";

#[test]
fn blocks_say_where_values_stand_and_the_page_asks_for_them() {
    let page = ISSUE
        .replace(
            "rm -f /var/off",
            "rm -f \"$DIR/off\"; curl \"localhost:80\"",
        )
        .replace("touch /var/off", "touch \"$DIR/off\"; curl localhost:80");
    let book = Book::new().toml(VALUES).page("issues/down.md", &page).page(
        "other.md",
        "# Other\n\nNothing to fill in.\n\n```bash\ntrue\n```\n",
    );
    book.run(&["build"]).status(0);
    let html = Html::parse_document(&book.read("book/issues/down.html"));
    let filled = select(&html, "pre[data-fill]");
    assert_eq!(filled.len(), 1, "not those of the drill");
    assert_eq!(
        filled[0].value().attr("data-fill"),
        Some("host:24:33:double")
    );
    assert_eq!(filled[0].value().attr("data-export"), Some("dir:DIR:open"));
    let labels: Vec<String> = select(&html, ".rb-values label")
        .into_iter()
        .map(text)
        .collect();
    assert_eq!(labels, ["The <folder> ", "host "]);
    assert_eq!(
        select(&html, "input[data-value=dir][data-query=d]").len(),
        1
    );
    let other = Html::parse_document(&book.read("book/other.html"));
    assert!(select(&other, ".rb-values").is_empty());
}

#[test]
fn a_value_that_cannot_be_used_is_told_at_its_place() {
    let case = |table: &str, title: &str| {
        Book::new()
            .toml(&format!("[preprocessor.runbook.values.{table}\n"))
            .page("a.md", "# A\n")
            .run(&["check"])
            .status(2)
            .says(title)
            .says("book.toml:3:1");
    };
    case("host]", "nothing stands for the value `host`");
    case(
        "host]\ntext = [\"{}\"]",
        "has `text` but no `default` of one word",
    );
    case(
        "host]\ndefault = \"a\"\ntext = [\"b\"]",
        "`b` does not say where the value `host` stands",
    );
    case(
        "host]\nvariable = \"a b\"",
        "`a b` is no name of a shell variable",
    );
    case("Host]\nvariable = \"a\"", "`Host` is no name of a value");
}

#[test]
fn whoever_is_still_stuck_finds_the_other_causes_and_the_way_out() {
    let book = Book::new()
        .toml("[preprocessor.runbook]\nrun = \"never\"\nescalation = \"help.md#call\"\n")
        .page(
            "help.md",
            "# Help\n\n[Down](issues/down.md)\n\n## Call {#call}\n\nNobody.\n",
        )
        .page("issues/down.md", ISSUE);
    book.run(&["build"]).status(0);
    let html = Html::parse_document(&book.read("book/issues/down.html"));
    let way_out = select(&html, "#rb-still-broken");
    assert_eq!(way_out.len(), 1);
    let links: Vec<_> = way_out[0]
        .select(&Selector::parse("a").unwrap())
        .map(|link| link.value().attr("href").unwrap())
        .collect();
    assert_eq!(links, ["#off", "../help.html#call"]);
    assert_eq!(select(&html, ".rb-bar a[href='#rb-still-broken']").len(), 1);
    assert_eq!(
        select(&html, ".rb-bar [role=timer][data-target='60000']").len(),
        1
    );
    // Below Verification, not in the drill.
    assert!(select(&html, ".rb-drill #rb-still-broken").is_empty());
    assert!(
        select(
            &built(&ISSUE.replace(" {#off}", "")),
            "#rb-still-broken, .rb-still"
        )
        .is_empty()
    );
}
