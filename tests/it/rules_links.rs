//! What links look like: labels in them, their annotation and form; links of others, dead links.

use crate::book::Book;
use std::process::Command;

const RULE: &str = "groups:\n- name: g\n  rules:\n  - alert: Down\n    expr: up == 0\n";

/// A book with the alerts of a page, more keys in `book.toml`, and a rule file.
fn book(alerts: &str, keys: &str, rules: &str) -> Book {
    let head = "[preprocessor.runbook]\nbase-url = \"https://r.example/\"\n";
    let page = format!("---\nalerts: [{alerts}]\n---\n# T\n\n## Here {{#here}}\n\nText.\n");
    let globs = if keys.contains("rules =") {
        ""
    } else {
        "rules = [\"rules/*.yml\"]\n"
    };
    Book::new()
        .toml(&format!("{head}{globs}{keys}\n"))
        .page("sub/a.md", &page)
        .file("rules/a.yml", rules)
}

/// The line of the link that is written into `RULE`.
#[track_caller]
fn link(alerts: &str, keys: &str) -> String {
    let book = book(alerts, keys, RULE);
    book.run(&["alerts"]).status(0).says("1/1 alerts linked");
    book.run(&["alerts", "--locked"]).status(0);
    let text = book.read("rules/a.yml");
    let line = text.lines().last().unwrap().trim().to_owned();
    book.run(&["alerts", "--remove"])
        .status(0)
        .says("1 link removed");
    assert_eq!(book.read("rules/a.yml"), RULE);
    line
}

#[test]
fn annotation_form_and_query_are_configurable() {
    let plain = "runbook_url: 'https://r.example/sub/a.html#here'";
    assert_eq!(link("'Down#here'", ""), plain);
    assert_eq!(
        link("Down", "annotation = \"runbook\""),
        "runbook: 'https://r.example/sub/a.html'"
    );
    assert_eq!(
        link("'Down#here'", "url = \"{base}{page}#{anchor}\""),
        "runbook_url: 'https://r.example/sub/a#here'"
    );
    let own = "url = \"{base}alerts/{alert}.html\"";
    assert_eq!(
        link("'Down#here'", own),
        "runbook_url: 'https://r.example/alerts/Down.html'"
    );
    assert_eq!(
        link("'Down?i={{ $labels.instance }}#here'", own),
        "runbook_url: 'https://r.example/alerts/Down.html?i={{ $labels.instance | urlquery }}'"
    );
    let query = "runbook-query = \"space={{ $labels.space }}\"";
    let with_query =
        "runbook_url: 'https://r.example/sub/a.html?space={{ $labels.space | urlquery }}#here'";
    assert_eq!(link("'Down#here'", query), with_query);
    assert_eq!(
        link("'Down?i={{ $labels.instance }}#here'", query),
        "runbook_url: 'https://r.example/sub/a.html?i={{ $labels.instance | urlquery }}#here'"
    );
    assert_eq!(link("'Down?#here'", query), plain);
}

#[test]
fn values_of_labels_are_escaped_by_prometheus() {
    let rule = "groups:\n- name: g\n  rules:\n  - alert: Down\n    expr: up == 0\n    labels: {}\n";
    let query = "runbook-query = \"space={{ $labels.space }}\"";
    let book = book("'Down#here'", query, rule);
    book.run(&["alerts"]).status(0);
    book.write(
        "rules/test.yaml",
        "rule_files: [a.yml]\ntests:\n- input_series:\n  - series: 'up{space=\"a b&c=#/é\"}'\n    values: 0x5\n  \
         alert_rule_test:\n  - eval_time: 2m\n    alertname: Down\n    exp_alerts:\n    - exp_labels: {space: 'a b&c=#/é'}\n      \
         exp_annotations:\n        runbook_url: https://r.example/sub/a.html?space=a+b%26c%3D%23%2F%C3%A9#here\n",
    );
    let output = Command::new("promtool")
        .args(["test", "rules", "test.yaml"])
        .current_dir(book.path("rules"))
        .output()
        .expect("promtool comes with the package `prometheus`");
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}

#[test]
fn keys_that_cannot_be_used_are_refused_at_their_place() {
    for (keys, said) in [
        (
            "url = \"{page}\"",
            "`url` cannot be used: it must begin with `{base}`",
        ),
        ("runbook-query = \"a={{ $x }}\"", "nothing sets `$x`"),
        ("runbook-query = \"a b\"", "` ` cannot stand in the query"),
        (
            "annotation = \"run-book\"",
            "`run-book` is no name of annotations",
        ),
        ("foreign-links = \"drop\"", "unknown variant `drop`"),
        (
            "rules = [{ files = \"*.yml\", dialect = \"cortex\" }]",
            "one of prometheus, mimir, thanos, loki",
        ),
    ] {
        book("Down", keys, RULE)
            .run(&["alerts"])
            .status(2)
            .says("book.toml:")
            .says(said);
    }
    book("'Down?a={{ $x }}'", "", RULE)
        .run(&["alerts"])
        .status(1)
        .says("error[front-matter]: the query of `Down` cannot be used: nothing sets `$x`");
}

#[test]
fn links_of_others_are_kept_unless_told_otherwise() {
    let foreign =
        format!("{RULE}    annotations:\n      runbook_url: https://other.example/x # theirs\n");
    let ours = foreign.replace("https://other.example/x", "'https://r.example/sub/a.html'");
    let first = book("Down", "", &foreign);
    first
        .run(&["alerts"])
        .status(0)
        .says("warning[foreign-runbook-url]")
        .says("0/1 alerts linked");
    assert_eq!(first.read("rules/a.yml"), foreign);
    first.run(&["alerts", "--remove"]).says("0 links removed");
    assert_eq!(first.read("rules/a.yml"), foreign);
    first.run(&["alerts", "--force-foreign"]).status(0);
    assert_eq!(first.read("rules/a.yml"), ours);
    let second = book("Down", "foreign-links = \"replace\"", &foreign);
    second.run(&["alerts", "--locked"]).status(1);
    second.run(&["alerts"]).status(0);
    assert_eq!(second.read("rules/a.yml"), ours);
    let third = book("Down", "", &foreign);
    third
        .run(&["alerts", "--remove", "--force-foreign"])
        .status(0);
    assert_eq!(third.read("rules/a.yml"), RULE);
}

#[test]
fn links_of_alerts_without_a_page_must_lead_somewhere() {
    let rule = |url: &str| {
        format!("{RULE}  - alert: Up\n    expr: up\n    annotations: {{runbook_url: '{url}'}}\n")
    };
    let check = |url: &str| book("Down", "", &rule(url)).run(&["check"]);
    let alerts = |url: &str| book("Down", "", &rule(url)).run(&["alerts"]);
    for url in [
        "https://r.example/sub/a.html#here",
        // The address of another alert, which `alerts` knows without building it.
        "https://r.example/alerts/Down.html",
        "https://r.example/sub/a.html?x=y",
        "https://r.example/",
        "https://r.example/{{ $labels.x }}.html",
        "https://other.example/nowhere",
    ] {
        check(url).does_not_say("runbook-url-dead");
        alerts(url).does_not_say("runbook-url-dead");
    }
    alerts("https://r.example/alerts/Dawn.html")
        .status(1)
        .says("error[runbook-url-dead]: the link of `Up` leads to no page of this book");
    check("https://r.example/sub/b.html")
        .says("error[runbook-url-dead]: the link of `Up` leads to no page of this book")
        .says("rules/a.yml:8:")
        .says("did you mean `https://r.example/sub/a.html`?");
    check("https://r.example/sub/a.html?x=y#heer")
        .says("leads to an anchor that is not there")
        .says("did you mean `#here`?");
}

#[test]
fn a_link_to_an_anchor_that_is_not_there_is_not_written_and_others_are() {
    let rule = format!("{RULE}  - alert: Up\n    expr: up\n");
    let book = book("'Down#heer', Up", "", &rule);
    book.run(&["alerts"])
        .status(1)
        .says("alert-anchor")
        .says("1/2 alerts linked");
    let url = "    annotations:\n      runbook_url: 'https://r.example/sub/a.html'\n";
    assert_eq!(book.read("rules/a.yml"), format!("{rule}{url}"));
}

#[test]
fn a_dialect_that_is_named_is_not_guessed() {
    let mimir = format!("namespace: n\n{RULE}");
    let with = |dialect: &str, rule: &str| {
        let keys = format!("rules = [{{ files = \"rules/*.yml\", dialect = \"{dialect}\" }}]");
        book("Down", &keys, rule).run(&["alerts"])
    };
    with("mimir", &mimir).status(0);
    with("prometheus", &mimir)
        .status(1)
        .says("a rule file has no key `namespace`")
        .says("Prometheus would not load this file");
    let broken = RULE.replace("up == 0", "sum(up");
    with("loki", &broken).status(0);
    with("thanos", &broken)
        .status(1)
        .says("Thanos would not load this file");
    let strategy = RULE.replace("name: g\n", "name: g\n  partial_response_strategy: maybe\n");
    book("Down", "", &strategy)
        .run(&["alerts"])
        .status(1)
        .says("`maybe` is no partial response strategy");
    let two = format!("{RULE}---\n{}", RULE.replace("Down", "Up"));
    with("prometheus", &two)
        .status(1)
        .says("a rule file has one document, this is another");
    with("loki", &two)
        .says("no page answers the alert `Up`")
        .says("1/2");
}
