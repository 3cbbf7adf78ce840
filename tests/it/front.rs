//! The front page, addresses of alerts, old addresses, the page for lost ones, and what is inline.

use crate::book::Book;
use std::fs;
use std::path::Path;

/// An issue page with two alerts and hostile texts.
const ISSUE: &str = "---\nissue: 1\nseverity: SEV2\nalerts: [EngineDown#off, EngineSlow]\n---\n# Down\n\n## Symptoms\n\n\
- it says `</script><script>alert(1)</script>` and {{#include x}}\n- it is off: [off](#off)\n\n\
## Resolution {#resolution}\n\n### Off {#off}\n\n```bash {danger}\nrm -f /var/off\n```\n\n\
## Verification\n\n```bash\ntest ! -e /var/off\n```\n\n## Drill\n\n### Off\n\n```bash\ntouch /var/off\n```\n";

/// Another, that is worse.
const WORSE: &str = "---\nissue: 2\nseverity: SEV1\nalerts: [EngineLost]\n---\n# Lost\n\n## Symptoms\n\n- nothing is there\n\n\
## Resolution {#resolution}\n\n### Gone {#gone}\n\n```bash {danger}\nrm -f /var/gone\n```\n\n\
## Verification\n\n```bash\ntest ! -e /var/gone\n```\n\n## Drill\n\n### Gone\n\n```bash\ntouch /var/gone\n```\n";

fn book(toml: &str) -> Book {
    Book::new()
        .toml(&format!("[output.html]\n[preprocessor.runbook]\nrun = \"never\"\n{toml}"))
        .page("front.md", "# Front\n\n<!-- runbook: front -->\n\n| Message | Go |\n| --- | ---: |\n| `pump stopped` | [off](issues/down.md#off) |\n")
        .page("issues/down.md", ISSUE)
        .page("issues/lost.md", WORSE)
        .page("deep/er/more.md", "# More\n\n<!-- runbook: front -->\n")
}

/// All files of the site with this extension, by path.
fn files(book: &Book, extension: &str) -> Vec<(String, String)> {
    let root = book.path("book");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == extension) {
                let name = path.strip_prefix(&root).unwrap().display().to_string();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn data(book: &Book) -> serde_json::Value {
    let scripts = files(book, "js");
    let mark = "window.runbookFinder = ";
    let mut all = scripts
        .iter()
        .filter_map(|(_, text)| text.trim().strip_prefix(mark));
    let one = all.next().expect("a script with data");
    assert_eq!(all.next(), None, "the same data twice");
    serde_json::from_str(one.trim_end_matches(';')).unwrap()
}

#[test]
fn nothing_stands_above_the_field_that_finds() {
    let values = "[preprocessor.runbook.values.dir]\nlabel = \"Dir\"\nvariable = \"DIR\"\n";
    let front = "# Front\n\nWelcome.\n\n<!-- runbook: front -->\n\n## Set up\n\n";
    for (blocks, before_form) in [
        (
            "Two lines:\n\n```bash\ntrue\n```\n\n```bash\nls \"$DIR\"\n```\n",
            "data-step=\"1\"",
        ),
        (
            "- In a list:\n  ```bash\n  ls \"$DIR\"\n  ```\n",
            "class=\"rb-issues\"",
        ),
    ] {
        let book = book(values).page("index.md", &format!("{front}{blocks}"));
        book.run(&["build"]).status(0);
        let html = book.read("book/index.html");
        let at = |text: &str| {
            html.find(text)
                .unwrap_or_else(|| panic!("no `{text}` in {html}"))
        };
        let form = at("class=\"rb-values\"");
        assert!(
            at("id=\"rb-find\"") < form && at(before_form) < form,
            "{html}"
        );
        assert!(form < at("data-export=\"dir:DIR"), "{html}");
    }
}

#[test]
fn every_symptom_is_a_link_and_the_worst_comes_first() {
    let book = book("");
    book.run(&["build"]).status(0);
    let page = book.read("book/index.html");
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text}"));
    assert!(at(">Lost</a>") < at(">Down</a>"));
    assert!(
        at("href=\"issues/lost.html#resolution\">nothing is there")
            < at("href=\"issues/down.html#off\">it is off: off")
    );
    assert!(page.contains("The worst comes first."));
    assert!(
        page.contains("role=\"combobox\"") && page.contains("<ul id=\"rb-found\" role=\"listbox\"")
    );
    let deep = book.read("book/deep/er/more.html");
    assert!(
        deep.contains("data-root=\"../../\"")
            && deep.contains("href=\"../../issues/down.html#off\"")
    );
}

#[test]
fn hostile_texts_stay_texts() {
    let book = book("");
    book.run(&["build"]).status(0);
    for (name, html) in files(&book, "html") {
        assert!(!html.contains("<script>alert"), "{name}");
    }
    let data = data(&book);
    let entries = data["entries"].as_array().unwrap();
    let texts: Vec<&str> = entries.iter().map(|it| it[3].as_str().unwrap()).collect();
    assert!(
        texts.contains(&"it says </script><script>alert(1)</script> and {{#include x}}"),
        "{texts:?}"
    );
    assert!(
        texts.contains(&"pump stopped") && texts.contains(&"EngineDown"),
        "{texts:?}"
    );
    let mdbook_alone = book.read("src/front.md");
    assert!(mdbook_alone.contains("runbook: front"));
}

#[test]
fn messages_lead_to_issues_or_else_to_the_chapter_that_their_row_names() {
    let tables = "# A to Z {#az}\n\n| Message | Go |\n| --- | --- |\n\
        | `it pumps no more`, `pump lost` | [why](deep/er/more.md), then [off](issues/down.md#off) |\n\
        | `nothing to worry` | [read this](deep/er/more.md) |\n| `read on below` | [below](#below) |\n\
        | `leads nowhere at all` | wait |\n| `setting` | [more](deep/er/more.md) |\n\n\
        ## Below {#below}\n\n| Command | Explained |\n| --- | --- |\n| `cargo build` | [there](deep/er/more.md) |\n";
    let book = book("").page("az.md", tables);
    book.run(&["build"]).status(0);
    let data = data(&book);
    let place = |text: &str| {
        let mut entries = data["entries"].as_array().unwrap().iter();
        let entry = entries.find(|it| it[3] == text)?;
        let page = usize::try_from(entry[1].as_u64().unwrap()).unwrap();
        let page = data["pages"][page][0].as_str().unwrap();
        Some(format!("{page}#{}", entry[2].as_str().unwrap()))
    };
    assert_eq!(place("it pumps no more").unwrap(), "issues/down.html#off");
    assert_eq!(place("pump lost").unwrap(), "issues/down.html#off");
    assert_eq!(place("nothing to worry").unwrap(), "deep/er/more.html#");
    assert_eq!(place("read on below").unwrap(), "az.html#below");
    for other in ["leads nowhere at all", "setting", "cargo build"] {
        assert_eq!(place(other), None);
    }
}

#[test]
fn what_fired_most_often_comes_first() {
    let book = book("often = \"often.json\"\n").file(
        "often.json",
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"alertname":"EngineSlow"},"value":[1,"7"]}]}}"#,
    );
    book.run(&["build"]).status(0);
    let page = book.read("book/index.html");
    assert!(page.find(">Down</a>") < page.find(">Lost</a>"));
    assert!(page.contains("7 times") && page.contains("most often comes first"));
    book.write("often.json", "[]");
    book.run(&["check"])
        .status(1)
        .says("`often` cannot be read");
}

#[test]
fn alerts_and_old_addresses_lead_on() {
    let book = book(
        "[preprocessor.runbook.redirects]\n\"/old/down.html\" = \"issues/down.html#off\"\n\"/was/\" = \"index.html\"\n",
    );
    book.run(&["build"]).status(0);
    let alert = book.read("book/alerts/EngineDown.html");
    assert!(alert.contains("<title>EngineDown</title>"));
    assert!(
        alert.contains("<a class=\"rb-lead\" href=\"../issues/down.html#off\">Down: Off</a>"),
        "{alert}"
    );
    assert!(
        book.read("book/alerts/EngineSlow.html")
            .contains("href=\"../issues/down.html\"")
    );
    assert!(
        book.read("book/old/down.html")
            .contains("href=\"../issues/down.html#off\"")
    );
    assert!(
        book.read("book/was/index.html")
            .contains("href=\"../index.html\"")
    );
    let lost = book.read("book/404.html");
    assert!(lost.contains("href=\"issues/down.html#off\"") && !lost.contains("URL is invalid"));
    let addresses = data(&book)["addresses"].to_string();
    assert!(
        addresses.contains(r#"["old/down.html","old/down.html"]"#),
        "{addresses}"
    );
}

#[test]
fn old_addresses_that_lead_nowhere_and_addresses_that_are_taken() {
    let redirects = "[preprocessor.runbook.redirects]\n\"/a.html\" = \"issues/gone.html\"\n\"/b.html\" = \"issues/down.html#of\"\n\"/front.html\" = \"issues/down.html\"\n\"/Alerts/engineslow.html\" = \"issues/down.html\"\n";
    book(redirects)
        .run(&["check"])
        .status(1)
        .says("error[redirect-dead]: the old address `a.html` leads nowhere")
        .says("did you mean `#off`?")
        .says("error[address-taken]: `front.html` cannot have the address `front.html`")
        .says("it belongs to the chapter `front.md`")
        .says("it belongs to `EngineSlow`");
    book("[preprocessor.runbook.redirects]\n\"/a.html\" = \"issues/down.html#off\"\n")
        .run(&["check"])
        .status(0)
        .does_not_say("redirect-dead")
        .does_not_say("address-taken");
    for outside in ["https://x.example/a.html", "../a.html", "/a.js"] {
        book(&format!(
            "[preprocessor.runbook.redirects]\n\"/a.html\" = \"{outside}\"\n"
        ))
        .run(&["check"])
        .status(2)
        .says("cannot lead to");
    }
}

#[test]
fn an_alert_on_two_pages_is_a_choice_and_its_name_never_a_path() {
    let twice = Book::new()
        .toml("[preprocessor.runbook]\nrun = \"never\"\n")
        .page("front.md", "# F\n\n<!-- runbook: front -->\n")
        .page(
            "issues/a.md",
            &ISSUE.replace("EngineDown#off", "'../../<b>'"),
        )
        .page("issues/b.md", &WORSE.replace("EngineLost", "EngineSlow"));
    twice.run(&["build"]);
    let page = twice.read("book/alerts/EngineSlow.html");
    assert_eq!(page.matches("class=\"rb-lead\"").count(), 2);
    let odd = twice.read("book/alerts/-..--b-.html");
    assert!(odd.contains("<h1>../../&lt;b&gt;</h1>"), "{odd}");
}

#[test]
fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
    let book = book("");
    book.run(&["build"]).status(0);
    let pages = files(&book, "html");
    assert!(pages.len() > 8);
    for (name, html) in &pages {
        let tags = html
            .split('<')
            .skip(1)
            .filter_map(|rest| rest.split('>').next());
        for tag in tags {
            let is_inline = (tag.starts_with("script") && !tag.contains(" src="))
                || tag.starts_with("style")
                || tag.contains(" style=")
                || tag.contains(" onclick=");
            assert!(!is_inline, "{name}: <{tag}>");
            for attribute in ["src=\"", "href=\""] {
                let Some((_, rest)) = tag.split_once(attribute) else {
                    continue;
                };
                let address = rest.split('"').next().unwrap();
                let loads =
                    tag.starts_with("script") || tag.starts_with("link") || tag.starts_with("img");
                assert!(!(loads && address.contains("//")), "{name}: {address}");
                if loads {
                    let folder = book.path("book").join(name);
                    let folder = if name == "404.html" {
                        book.path("book")
                    } else {
                        folder.parent().unwrap().to_owned()
                    };
                    assert!(folder.join(address).exists(), "{name}: {address}");
                }
            }
        }
    }
    for (name, script) in files(&book, "js") {
        assert!(!script.contains("setAttribute('style'"), "{name}");
    }
    assert!(Path::new(&book.path("book/rb-assets")).is_dir());
}
