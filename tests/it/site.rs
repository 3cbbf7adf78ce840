//! The built site: anchors, links, clicks, and the preprocessor under mdBook's own protocol.

use crate::book::{Book, Ran, program};
use std::io::Write;
use std::process::Stdio;

const BLOCK: &str = "\n```bash\ntrue\n```\n";

/// An issue page with one cause.
const ISSUE: &str = "---\nissue: 1\nseverity: SEV1\n---\n# Down\n\n## Symptoms\n\n- it is down\n\n\
## Resolution {#resolution}\n\n### Off {#off}\n\n```bash {danger}\nrm -f /var/off\n```\n\n\
## Verification\n\n```bash\ntest ! -e /var/off\n```\n\n## Drill\n\n### Off\n\n```bash\ntouch /var/off\n```\n";

fn book(front: &str) -> Book {
    Book::new()
        .toml("[preprocessor.runbook]\nsymptom-index = \"index-of.md\"\n")
        .page("front.md", &format!("# Front\n\n{front}\n{BLOCK}"))
        .page("index-of.md", "# Index\n\n<!-- runbook: symptoms -->\n")
        .page("drills.md", "# Drills\n\n<!-- runbook: drills -->\n")
        .page("clicks.md", "# Clicks\n\n<!-- runbook: matrix -->\n")
        .page("issues/down.md", ISSUE)
}

#[test]
fn verify_builds_a_site_that_shows_what_was_proved() {
    let book = book("[Down](issues/down.md), [index](index-of.md)");
    book.run(&["verify"]).status(0).says("longest click path 2");
    let page = book.read("book/issues/down.html");
    for shown in [
        "Last resolved 20",
        "href=\"../drills/down/off.html\"",
        "href=\"#off\"",
        "language-bash rb-danger",
        "id=\"drill-off\"",
        "Issue 1",
    ] {
        assert!(page.contains(shown), "no {shown}");
    }
    for hidden in ["issue: 1", "{danger}", "id=\"off-1\""] {
        assert!(!page.contains(hidden), "{hidden}");
    }
    assert!(
        book.read("book/index-of.html")
            .contains("issues/down.html#resolution")
    );
    assert!(book.read("book/drills.html").contains(">resolved</span>"));
    assert!(
        book.read("book/clicks.html")
            .contains("front page <b>2</b>")
    );
    let matrix: serde_json::Value =
        serde_json::from_str(&book.read("book/navigation.json")).unwrap();
    assert_eq!(matrix["longest"], 2);
    assert_eq!(matrix["rows"][0]["ways"][1]["clicks"], 1);
    book.run(&["verify"]).status(0).says("from evidence");
    book.write(
        "src/issues/down.md",
        &ISSUE.replace("rm -f /var/off", "rm -fv /var/off"),
    );
    book.write(
        "book.toml",
        &book
            .read("book.toml")
            .replace("symptom-index", "run = \"never\"\nsymptom-index"),
    );
    book.run(&["build"]).status(0);
}

#[test]
fn a_way_that_is_too_long_is_an_error_with_the_path() {
    let far = Book::new()
        .page("front.md", &format!("# F\n\n[a](a.md)\n{BLOCK}"))
        .page("a.md", "# A\n\n[b](b.md)\n")
        .page("b.md", "# B\n\n[down](issues/down.md)\n")
        .page("issues/down.md", ISSUE);
    far.run(&["check"])
        .status(1)
        .says("4 clicks from the front page to this symptom's resolution")
        .says("front.html -> a.html -> b.html -> issues/down.html -> issues/down.html#resolution")
        .says("src/issues/down.md:9:1");
    book("no links")
        .run(&["check"])
        .status(1)
        .says("no way from the front page");
}

#[test]
fn links_and_anchors_that_lead_nowhere() {
    book("[Down](issues/down.md#of), [x](gone.md), [q](issues/down.md?x#off), [ok](https://a.example/), [t](#top)")
        .run(&["check"])
        .status(1)
        .says("`issues/down.html#of` leads to an anchor that is not there")
        .says("did you mean `#off`?")
        .says("`gone.html` leads to no page or file of the site")
        .says("src/front.md:3:1")
        .says("link-loses-query")
        .does_not_say("`https://a.example/`")
        .says("3 errors");
}

#[test]
fn an_id_that_stands_twice() {
    let twice = "## A {#x}\n\n## B {#x}\n";
    book(&format!(
        "[Down](issues/down.md), [i](index-of.md)\n\n{twice}"
    ))
    .run(&["check"])
    .status(1)
    .says("the id `x` stands 2 times on this page");
}

#[test]
fn check_writes_nothing_into_the_book() {
    let book = book("[Down](issues/down.md), [i](index-of.md)");
    book.run(&["check"]).status(0);
    assert!(!book.path("book").exists() && !book.path(".runbook").exists());
}

#[test]
fn the_preprocessor_speaks_mdbooks_protocol() {
    let book = book("[Down](issues/down.md), [i](index-of.md)");
    book.run(&["supports", "html"]).status(0);
    let mut loaded = mdbook_driver::MDBook::load(book.dir.path()).unwrap();
    loaded
        .config
        .set("preprocessor.runbook.run", "never")
        .unwrap();
    book.write(
        "book.toml",
        "[preprocessor.runbook]\nrun = \"never\"\nsymptom-index = \"index-of.md\"\n",
    );
    let context = serde_json::json!({
        "root": book.dir.path(), "config": {}, "renderer": "html", "mdbook_version": "0.5.4",
    });
    let input = serde_json::json!([context, loaded.book]).to_string();
    let ran = pipe(&book, &input).status(0);
    let answer: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let text = answer.to_string();
    assert!(text.contains("rb-card") && !text.contains("issue: 1"));
    pipe(&book, &input.replace("0.5.4", "0.4.52"))
        .status(2)
        .says("needs mdBook 0.5");
    pipe(&book, "hello")
        .status(2)
        .says("standard input is not what mdBook sends");
}

#[test]
fn mdbook_test_runs_the_blocks() {
    let book = Book::new().page("a.md", "```bash\nfalse\n```\n");
    let loaded = mdbook_driver::MDBook::load(book.dir.path()).unwrap();
    let context = serde_json::json!({
        "root": book.dir.path(), "config": {}, "renderer": "test", "mdbook_version": "0.5.4",
    });
    let input = serde_json::json!([context, loaded.book]).to_string();
    pipe(&book, &input)
        .status(1)
        .says("exit status 1; it must succeed");
}

pub(crate) fn pipe(book: &Book, input: &str) -> Ran {
    let mut child = program(book.dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    Ran::from(child.wait_with_output().unwrap())
}

#[test]
fn hostile_output_stays_text() {
    let page = ISSUE.replace(
        "test ! -e /var/off",
        "echo '</details><script>alert(1)</script>'; echo; echo '{{#include /etc/passwd}}'; test ! -e /var/off",
    );
    let book = Book::new()
        .page("front.md", "# F\n\n[d](issues/down.md)\n")
        .page("issues/down.md", &page);
    book.run(&["verify"]).status(0);
    let html = book.read("book/drills/down/off.html");
    let shown = &html[html.find("<article").unwrap()..];
    let shown = &shown[..shown.find("</article>").unwrap()];
    assert!(
        !shown.contains("<script>alert") && !shown.contains("root:x:"),
        "{shown}"
    );
    assert!(shown.contains("&lt;script&gt;alert"));
}
