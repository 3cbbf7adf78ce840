//! Live drills: a toy that exports one metric, the real Prometheus and the real Alertmanager.

use crate::book::{Book, Ran};

/// Up while `/var/broken` holds 0; tells it on port 8000 in Prometheus' text format.
const TOML: &str = r#"[preprocessor.runbook]
base-url = "https://runbook.example/"
[preprocessor.runbook.instance]
start = '''
cat >/var/serve <<'END'
#!/bin/bash
while read -r line && [ "$line" != $'\r' ]; do :; done
printf 'HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n\r\ntoy_broken %s\n' "$(cat /var/broken)"
END
chmod +x /var/serve
echo 0 >/var/broken
socat TCP-LISTEN:8000,bind=127.0.0.1,reuseaddr,fork EXEC:/var/serve 2>/dev/null &
'''
stop = "pkill -x socat"
ready = "curl -sf -o /dev/null http://127.0.0.1:8000/metrics"

[preprocessor.runbook.live]
scale = 30
within = "@WITHIN@"
files = ["prometheus.yml", "alerts.yml", "alertmanager.yml"]

[preprocessor.runbook.live.services.prometheus]
program = "prometheus"
run = 'exec prometheus --config.file="$RUNBOOK_LIVE/prometheus.yml" --storage.tsdb.path=data --web.listen-address=127.0.0.1:9090 --web.user-assets="$RUNBOOK_SITE"'
ready = "curl -sf -o /dev/null http://127.0.0.1:9090/-/ready"
version = "prometheus --version"

[preprocessor.runbook.live.services.alertmanager]
program = "prometheus-alertmanager"
run = 'exec prometheus-alertmanager --config.file="$RUNBOOK_LIVE/alertmanager.yml" --storage.path=data --web.listen-address=127.0.0.1:9093 --cluster.listen-address='
ready = "curl -sf -o /dev/null http://127.0.0.1:9093/-/ready"
"#;

const PROMETHEUS: &str = "global: { scrape_interval: 6s, evaluation_interval: 6s }
rule_files: [alerts.yml]
alerting: { alertmanagers: [{ static_configs: [{ targets: ['127.0.0.1:9093'] }] }] }
scrape_configs: [{ job_name: toy, static_configs: [{ targets: ['127.0.0.1:8000'] }] }]
";

const PAGE: &str = "---
issue: 1
alerts: [\"ToyBroken#off\"]
services: [prometheus, alertmanager]
---
# Broken

## Symptoms

- it is [broken](#off)

## Diagnosis

```bash
cat /var/broken
```

## Resolution {#resolution}

### Switched off {#off}

```bash
echo 0 >/var/broken
```

## Verification

```bash
curl -sf http://127.0.0.1:8000/metrics | grep -x 'toy_broken 0'
```

## Drill

### Switched off

```bash
echo 1 >/var/broken
```
";

/// A book whose alert has this expression and this link; `within` is the patience with alerts.
fn book(expression: &str, link: &str, within: &str) -> Book {
    let rules = format!(
        "groups:\n  - name: toy\n    rules:\n      - alert: ToyBroken\n        expr: {expression}\n        \
         for: 30s\n        annotations:\n          runbook_url: '{link}'\n"
    );
    Book::new()
        .toml(&TOML.replace("@WITHIN@", within))
        .file("prometheus.yml", PROMETHEUS)
        .file("alerts.yml", &rules)
        .file(
            "alertmanager.yml",
            "route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n",
        )
        .page("a.md", PAGE)
        .page("leads-on.md", "# On\n\n[It is broken](a.md#off)\n")
        .page("dead-end.md", "# Off\n\n[Nowhere](leads-on.md)\n")
}

const LINK: &str = "https://runbook.example/a.html#off";

#[track_caller]
fn ends(book: &Book, verdict: &str) -> Ran {
    book.run(&["test"])
        .status(1)
        .says(&format!("FAIL a.md: Switched off: {verdict}"))
        .says(&format!("error[{verdict}]: "))
        .says("`ToyBroken`")
        .says("0/1 live, from alert to all-clear")
}

#[test]
fn the_alert_fires_opens_the_page_and_resolves() {
    let book = book("max_over_time(toy_broken[30s]) == 1", LINK, "60s");
    book.run(&["test", "--report", "json=report.json,junit=report.xml"])
        .status(0)
        .says("1/1 drills recovered · 1/1 live, from alert to all-clear")
        .says("; ToyBroken fired after ");
    let report: serde_json::Value = serde_json::from_str(&book.read("report.json")).unwrap();
    let live = &report["jobs"][0]["evidence"]["live"];
    assert_eq!(live["alert"], "ToyBroken", "{live}");
    assert_eq!(live["link"], LINK);
    assert_eq!(live["opened"], "a.html");
    assert_eq!(live["scale"], 30);
    let version = live["versions"]["prometheus"].as_str().unwrap();
    assert!(version.starts_with("prometheus, version "), "{live}");
    // Its service has no `version`.
    assert!(live["versions"]["alertmanager"].is_null(), "{live}");
    // `for` is a second here, and the range of the expression.
    for (key, least) in [("fired_ms", 1000), ("resolved_ms", 500)] {
        assert!(live[key].as_u64().unwrap() >= least, "{live}");
    }
    assert!(live["fixed_ms"].is_u64(), "{live}");
    assert!(
        book.read("report.xml")
            .contains("name=\"time-scale\" value=\"30\"")
    );
    book.run(&["build", "--no-prepare"])
        .status(0)
        .says("(evidence)");
    let page = book.read("book/a.html") + &book.read("book/drills/a/off.html");
    for text in [
        "Alert <b>ToyBroken</b> fired after <b>",
        ", opened this page, was resolved <b>",
        "Real prometheus and alertmanager, times ÷ 30.",
        "/api/v2/alerts",
        "<code>ToyBroken</code> fired in prometheus and alertmanager",
        ">alert fired</th>",
        ">alert resolved</th>",
        "http://127.0.0.1:9090/user/a.html",
        "<dt>Services</dt><dd><code>prometheus, version ",
    ] {
        assert!(page.contains(text), "no `{text}`");
    }
}

#[test]
fn a_link_may_lead_to_the_page_by_another() {
    let link = "https://runbook.example/leads-on.html";
    book("toy_broken == 1", link, "60s")
        .run(&["test"])
        .status(0)
        .says("1/1 live");
}

#[test]
fn a_link_may_be_the_address_of_the_alert() {
    let link = "https://runbook.example/alerts/ToyBroken.html";
    let book = book("toy_broken == 1", link, "60s");
    let toml = book.read("book.toml");
    let table = "[preprocessor.runbook]\n";
    let keys = "rules = [\"alerts.yml\"]\nurl = \"{base}alerts/{alert}.html\"\n";
    book.write("book.toml", &toml.replace(table, &format!("{table}{keys}")));
    book.run(&["alerts", "--locked"])
        .status(0)
        .says("1/1 alerts linked");
    book.run(&["test", "--report", "json=report.json"])
        .status(0)
        .says("1/1 live");
    let report: serde_json::Value = serde_json::from_str(&book.read("report.json")).unwrap();
    let live = &report["jobs"][0]["evidence"]["live"];
    assert_eq!(live["opened"], "alerts/ToyBroken.html", "{live}");
    // The address leads to the anchor that the page's front matter names.
    let page = PAGE.replace("ToyBroken#off", "ToyBroken#of");
    book.write("src/a.md", &page);
    ends(&book, "link-dead").says("whose links to a.html lead to no anchor there");
}

#[test]
fn an_alert_that_does_not_fire() {
    ends(&book("toy_broken == 2", LINK, "20s"), "alert-silent")
        .says("it does not fire in Prometheus, 20 s long")
        .says("ToyBroken is inactive in Prometheus, with divided times: toy_broken == 2");
}

#[test]
fn an_alert_that_is_active_at_rest() {
    ends(&book("toy_broken >= 0", LINK, "20s"), "alert-at-rest")
        .says("on a healthy instance an alert is not at rest: `ToyBroken`")
        .says("ToyBroken is firing in Prometheus, with divided times: toy_broken >= 0");
}

#[test]
fn an_alert_that_prometheus_does_not_have() {
    let book = book("toy_broken == 1", LINK, "20s");
    let rules = book.read("alerts.yml").replace("ToyBroken", "Other");
    book.write("alerts.yml", &rules);
    ends(&book, "alert-at-rest").says("Prometheus has no alert ToyBroken");
}

#[test]
fn links_that_open_nothing() {
    for (link, words) in [
        (
            "https://runbook.example/a.html#gone",
            "a.html has no anchor `#gone`",
        ),
        ("https://runbook.example/b.html", "error: 404"),
        (
            "https://elsewhere.example/a.html",
            "it does not begin with `base-url`",
        ),
        (
            "https://runbook.example/dead-end.html",
            "it opens dead-end.html, which does not link to a.html",
        ),
    ] {
        ends(&book("toy_broken == 1", link, "60s"), "link-dead").says(words);
    }
}

#[test]
fn an_alert_that_stays() {
    let book = book("max_over_time(toy_broken[1h]) == 1", LINK, "20s");
    ends(&book, "alert-unresolved").says("it still fires in Prometheus, 20 s long");
}

#[test]
fn a_service_that_does_not_get_ready() {
    let book = book("toy_broken == 1", LINK, "20s");
    book.write("alerts.yml", "groups: 7\n");
    book.run(&["test"])
        .status(1)
        .says("error[not-ready]: the service `prometheus` of live drills never got ready")
        .says("it has ended")
        .says("error loading config from");
}

#[test]
fn a_service_that_does_not_tell_its_version() {
    let book = book("toy_broken == 1", LINK, "20s");
    let toml = book.read("book.toml");
    book.write(
        "book.toml",
        &toml.replace("\"prometheus --version\"", "\"prometheus --versoin\""),
    );
    book.run(&["test"])
        .status(2)
        .says("`version` of the service `prometheus`: ")
        .says("versoin");
}

#[test]
fn a_program_that_is_not_installed() {
    let book = book("toy_broken == 1", LINK, "20s");
    let toml = book.read("book.toml");
    let program = "program = \"prometheus\"";
    let other = "program = \"no-such-program\"\npackage = \"its-package\"";
    book.write("book.toml", &toml.replace(program, other));
    book.run(&["test"])
        .status(3)
        .says("`no-such-program` is not installed")
        .says("apt-get install its-package");
    // Without a live drill nobody needs it.
    let page = PAGE.replace("services: [prometheus, alertmanager]\n", "");
    book.write("src/a.md", &page);
    book.run(&["test"]).status(0).does_not_say("live");
}

#[test]
fn what_a_page_may_say() {
    for (line, words) in [
        ("services: [prometeus]", "unknown service `prometeus`"),
        ("live: [off]", "`live` without `services`"),
        (
            "services: [prometheus]\nlive: [of]",
            "`live` names `of`, which is no cause of this page",
        ),
        (
            "services: [prometheus]\nlive: [\"off: Toy\"]",
            "`Toy` is no alert of this page",
        ),
    ] {
        let book = book("toy_broken == 1", LINK, "20s");
        book.write(
            "src/a.md",
            &PAGE.replace("services: [prometheus, alertmanager]", line),
        );
        book.run(&["check"])
            .status(1)
            .says("error[front-matter]")
            .says(words);
    }
    let book = book("toy_broken == 1", LINK, "20s");
    let page = PAGE.replace("alerts: [\"ToyBroken#off\"]\n", "no-alert: none\n");
    book.write("src/a.md", &page);
    book.run(&["check"])
        .status(1)
        .says("`services` without an alert");
}

#[test]
fn an_alert_is_seen_live_or_its_page_says_why_not() {
    let book = book("toy_broken == 1", LINK, "60s")
        .page("alerts.md", "# Alerts\n\n<!-- runbook: alerts -->\n");
    let rules = book.read("alerts.yml") + "      - alert: ToySlow\n        expr: toy_slow == 1\n";
    book.write("alerts.yml", &rules);
    let toml = book.read("book.toml");
    let base = "base-url = \"https://runbook.example/\"\n";
    let with_rules = format!("{base}rules = [\"alerts.yml\"]\n");
    book.write("book.toml", &toml.replace(base, &with_rules));
    let page = |alerts: &str| {
        let page = PAGE.replace("alerts: [\"ToyBroken#off\"]", alerts);
        book.write("src/a.md", &page);
        book.run(&["alerts"]);
        book.run(&["check"])
    };
    let both = "alerts: [\"ToyBroken#off\", \"ToySlow#resolution\"]\n";
    page(both)
        .says("warning[alert-not-live]: no live drill raises `ToySlow`")
        .says("`cause: ToySlow`")
        .does_not_say("raises `ToyBroken`");
    for (reason, words) in [
        (
            "{ ToySlow: \" \" }",
            "no reason why no live drill raises `ToySlow`",
        ),
        (
            "{ ToyBroken: rare, ToySlow: rare }",
            "a live drill raises `ToyBroken`, and there is a reason",
        ),
        (
            "{ Toy: rare, ToySlow: rare }",
            "`not-live` names `Toy`, which is no alert",
        ),
    ] {
        page(&format!("{both}not-live: {reason}"))
            .status(1)
            .says("error[alert-not-live]")
            .says(words);
    }
    page(&format!("{both}not-live: {{ ToySlow: nothing is slow }}")).does_not_say("alert-not-live");
    let shown = |texts: &[&str]| {
        book.run(&["build", "--no-prepare"]);
        let page = book.read("book/alerts.html");
        for text in texts {
            assert!(page.contains(text), "no `{text}` in {page}");
        }
    };
    book.run(&["test"]).status(0);
    shown(&[
        "1 of 2 was seen firing in a real Prometheus",
        "<a href=\"drills/a/off.html\">seen</a></span><br>fired in ",
        "<br>resolved in ",
        "in unit tests only</span><br><small>nothing is slow</small>",
    ]);
}

#[test]
fn left_alone_the_alert_stays() {
    book("toy_broken == 1", LINK, "60s")
        .run(&["test", "--control", "--patience", "5s"])
        .status(0)
        .says("1/1 control experiments hold")
        .does_not_say("live");
}

#[test]
fn an_alert_that_ends_by_itself() {
    // Of three seconds here, and the experiment waits five.
    book("changes(toy_broken[90s]) > 0", LINK, "60s")
        .run(&["test", "--control", "--patience", "5s"])
        .status(1)
        .says("FAIL a.md: Switched off, left alone: self-healed")
        .says("the alert of `Switched off` ends without the resolution: `ToyBroken`");
}

#[test]
fn a_prometheus_that_the_page_has_killed_does_not_say_that_all_is_well() {
    let book = book("toy_broken == 1", LINK, "20s");
    let resolution = "echo 0 >/var/broken\n";
    let page = PAGE.replace(
        resolution,
        "echo 0 >/var/broken\npkill -KILL -x prometheus\n",
    );
    book.write("src/a.md", &page);
    ends(&book, "alert-unresolved").says("http://127.0.0.1:9090/api/v1/alerts: curl: (7)");
}
