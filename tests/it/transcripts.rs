//! Transcripts: a page for each drill and doc test on record, that says what happened and takes nothing printed for markup.

use crate::book::Book;

const BLOCK: &str = "\n```bash\necho a doc test\n```\n";

/// An issue page whose verification, resolution and drill are as given.
fn issue(verification: &str, resolution: &str, drill: &str) -> String {
    format!(
        "---\nissue: 1\nresolve-within: 2s\n---\n# Down\n\n## Symptoms\n\n- it is down\n\n\
         ## Resolution {{#resolution}}\n\n### Off {{#off}}\n\n```bash {{danger}}\n{resolution}\n```\n\n\
         ## Verification\n\n```bash\n{verification}\n```\n\n## Drill\n\n### Off\n\n```bash\n{drill}\n```\n"
    )
}

fn good() -> String {
    issue("test ! -e /var/off", "rm -f /var/off", "touch /var/off")
}

fn book(page: &str) -> Book {
    Book::new()
        .page(
            "front.md",
            &format!("# Front\n\n[Down](issues/down.md)\n{BLOCK}"),
        )
        .page("drills.md", "# Drills\n\n<!-- runbook: drills -->\n")
        .page("issues/down.md", page)
}

const OFF: &str = "book/drills/down/off.html";

/// The part of a transcript that is ours.
fn article(book: &Book, path: &str) -> String {
    let html = book.read(path);
    let start = html.find("<article").unwrap();
    let end = html.rfind("</article>").unwrap();
    html[start..end].to_owned()
}

#[track_caller]
fn shows(text: &str, all: &[&str]) {
    for part in all {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
}

#[test]
fn a_recovery_is_shown_stage_by_stage_and_linked_both_ways() {
    let book = book(&good());
    book.run(&["verify"]).status(0);
    let page = article(&book, OFF);
    shows(
        &page,
        &[
            "<h1 id=\"transcript\">Drill: Off</h1>",
            "rb-state rb-good\">recovered</span> in <b>0.",
            "of 2.00 s allowed",
            "href=\"../../issues/down.html#off\"",
            "href=\"../../drills.html\"",
            "fresh: page, programs and configuration are as they were",
            ">induce</a>",
            "touch /var/off",
            "exit status 1: it fails, as it must here",
            "recovered in</th>",
            " % of 2.00 s",
            "href=\"../front/doc-test.html\"",
        ],
    );
    let html = book.read(OFF);
    shows(
        &html,
        &["<title>Drill: Down: Off - t</title>", "href=\"../../css/"],
    );
    shows(
        &book.read("book/issues/down.html"),
        &["href=\"../drills/down/off.html\""],
    );
    shows(
        &book.read("book/drills.html"),
        &[
            "href=\"drills/down/off.html\"",
            "href=\"drills/front/doc-test.html\"",
            "<b>1</b> of 1 causes recovered",
        ],
    );
    shows(
        &article(&book, "book/drills/front/doc-test.html"),
        &["Doc test: Front", "a doc test", "passed</span>"],
    );
    assert!(!book.read("book/print.html").contains("class=\"rb-ran"));
    assert!(!book.read("book/toc.html").contains("drills/down"));
}

#[test]
fn runs_before_are_kept_and_a_recovery_that_became_slow_is_told() {
    let page = good().replace("resolve-within: 2s", "resolve-within: 30s");
    let book = book(&page);
    let rewrite = |from: &str, to: &str| book.write("src/issues/down.md", &page.replace(from, to));
    book.run(&["verify"]).status(0);
    assert!(!article(&book, OFF).contains("id=\"runs\""));
    for _ in 0..2 {
        book.run(&["verify", "--fresh"]).status(0);
    }
    let twice = article(&book, OFF);
    shows(&twice, &["It recovered before in ", "s, in 2 runs."]);
    let rows = |html: &str| html.matches(" UTC</th>").count();
    assert_eq!(rows(&twice), 3);
    let test = article(&book, "book/drills/front/doc-test.html");
    assert_eq!(rows(&test), 3);
    // Another resolution is another run of the same drill.
    rewrite("\nrm -f", "\nsleep 2.5; rm -f");
    let last = book.run(&["verify"]).status(0);
    last.says("warning[recovery-slower]: `Off` takes far longer to recover than before: 2.")
        .says("in 3 earlier runs");
    assert_eq!(rows(&article(&book, OFF)), 4);
    shows(
        &book.read("book/drills.html"),
        &["<small>before: 0.", "s, in 3 runs</small>"],
    );
    // A failure among them has no time.
    rewrite("\nrm -f", "\nfalse && rm -f");
    book.run(&["verify"]).status(1);
    rewrite("", "");
    book.run(&["verify"]).status(0);
    let mended = article(&book, OFF);
    shows(
        &mended,
        &["<td role=\"cell\">step failed</td>", "in 4 runs."],
    );
}

#[test]
fn each_link_of_a_transcript_leads_somewhere() {
    let book = book(&good());
    book.run(&["verify"]).status(0);
    let html = book.read(OFF);
    let mut seen = 0;
    for mark in ["href=\"", "src=\""] {
        for part in html.split(mark).skip(1) {
            let address = part.split(['"', '#', '?']).next().unwrap();
            if address.is_empty() || address.contains(':') {
                continue;
            }
            let file = book.path("book/drills/down").join(address);
            assert!(file.exists(), "{address}");
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn a_failure_says_what_its_author_was_told() {
    let book = book(&issue("true", "rm -f /var/off", "touch /var/off"));
    book.run(&["verify"]).status(1);
    shows(
        &article(&book, OFF),
        &[
            "rb-state rb-bad\">verify vacuous</span>",
            "Verification passes under the fault",
            "<code>verify-vacuous</code>",
            "<b>What to do:</b>",
            "src/issues/down.md:",
            "<b>Here it ended.</b>",
        ],
    );
    shows(
        &book.read("book/drills.html"),
        &[
            "rb-mark-bad",
            "verify vacuous",
            "<b>0</b> of 1 causes recovered",
        ],
    );
    let failed = self::book(&issue(
        "test ! -e /var/off",
        "echo no such luck; false",
        "touch /var/off",
    ));
    failed.run(&["verify"]).status(1);
    shows(
        &article(&failed, OFF),
        &[
            "step failed</span>",
            "rb-ran-step rb-bad",
            "no such luck",
            "exit status 1: not what it must do",
        ],
    );
}

#[test]
fn what_was_not_played_is_not_called_good() {
    let needs = good().replace("issue: 1\n", "issue: 1\nneeds: [wings]\n");
    let book =
        book(&needs).toml("[preprocessor.runbook.instance.capabilities]\nwings = \"false\"\n");
    book.run(&["verify"]);
    shows(
        &article(&book, OFF),
        &[
            "rb-state rb-stale\">not applicable</span>",
            "It lacks <code>wings</code>",
        ],
    );
    let never = self::book(&good());
    never.write(
        "book.toml",
        "[book]\ntitle = \"t\"\n[preprocessor.runbook]\nrun = \"never\"\n",
    );
    never.run(&["build"]).status(0);
    assert!(!never.path(OFF).exists());
    shows(
        &never.read("book/drills.html"),
        &["not played yet", "<b>0</b> of 1 causes recovered"],
    );
    assert!(!never.read("book/issues/down.html").contains("drills/down"));
}

/// The book as it is now, without running anything.
fn built_only(book: &Book) {
    let toml = book.read("book.toml");
    if !toml.contains("run = \"never\"") {
        book.write(
            "book.toml",
            &(toml + "[preprocessor.runbook]\nrun = \"never\"\n"),
        );
    }
    book.run(&["build"]).status(0);
}

#[test]
fn a_changed_page_makes_the_transcript_stale() {
    let book = book(&good());
    book.run(&["verify"]).status(0);
    built_only(&book);
    let page = || book.read("book/issues/down.html");
    shows(
        &article(&book, OFF),
        &[
            "rb-good\">recovered",
            "were not compared: this build has run nothing",
        ],
    );
    shows(&page(), &["resolved on 20"]);
    shows(
        &article(&book, "book/drills/front/doc-test.html"),
        &[
            "rb-good\">passed",
            "were not compared: this build has run nothing",
        ],
    );
    for changed in [
        good().replace("rm -f", "rm -fv"),
        // What was not there has not run.
        good().replace(
            "## Verification\n",
            "And:\n\n```bash\ntrue\n```\n\n## Verification\n",
        ),
    ] {
        book.write("src/issues/down.md", &changed);
        built_only(&book);
        // The transcript, its page and the list of all drills say the same.
        shows(
            &article(&book, OFF),
            &[
                "stale: blocks of the page have changed since",
                "rb-stale\">recovered</span>",
                "The page or the instance has changed since.",
            ],
        );
        shows(
            &page(),
            &[
                "changed since it was last resolved",
                "The page or the instance has changed since.",
                "never as it stands here",
            ],
        );
        shows(
            &book.read("book/drills.html"),
            &["rb-stale\">changed since", "page changed since"],
        );
    }
}

#[test]
fn a_failure_on_a_changed_page_says_so_too() {
    let book = book(&issue("test ! -e /var/off", "false", "touch /var/off"));
    book.run(&["verify"]).status(1);
    built_only(&book);
    let changed = "The page or the instance has changed since.";
    for path in [OFF, "book/issues/down.html"] {
        assert!(!book.read(path).contains(changed), "{path}");
    }
    book.write("src/issues/down.md", &good());
    built_only(&book);
    for path in [OFF, "book/issues/down.html"] {
        shows(&book.read(path), &[changed]);
    }
}

#[test]
fn that_it_stays_red_without_its_resolution_is_shown_with_its_date() {
    let book = book(&good());
    book.run(&["verify"]).status(0);
    let drills = || book.read("book/drills.html");
    // Nobody has tried it: that is said.
    shows(
        &article(&book, OFF),
        &[
            "<b>Left alone</b>: <span class=\"rb-state rb-stale\">not shown</span>",
            "no such experiment is on record",
        ],
    );
    shows(&drills(), &["rb-stale\">not shown</span>", "is not shown:"]);
    book.run(&["test", "--control"]).status(0);
    book.run(&["verify"]).status(0).says("1/1 drills recovered");
    shows(
        &article(&book, OFF),
        &[
            "<b>Left alone</b>: <span class=\"rb-state rb-good\">stays red</span> 20",
            " UTC, Verification tried for ",
            "; with the page as it is now; inputs <code>",
            "<dt>Left alone</dt>",
        ],
    );
    shows(
        &drills(),
        &[
            "rb-good\">stays red</span> <small>20",
            "Each was left alone, too",
        ],
    );
    // Neither of its resolution nor of another does it depend on how the page reads.
    book.write("src/issues/down.md", &(good() + "\nMore words.\n"));
    book.run(&["verify"]).status(0);
    shows(&drills(), &["rb-good\">stays red</span>"]);
    let other = good().replace("touch /var/off", "touch /var/off /var/more");
    book.write("src/issues/down.md", &other);
    book.run(&["verify"]).status(0);
    shows(
        &article(&book, OFF),
        &[
            "rb-stale\">stays red, changed since</span>",
            "the page, a program or the configuration has changed since",
        ],
    );
    shows(&drills(), &["rb-stale\">stays red, changed since</span>"]);
    // The same without running anything, and again once it is shown.
    built_only(&book);
    shows(&drills(), &["rb-stale\">stays red, changed since</span>"]);
    book.run(&["test", "--control", "--stale"]).status(0);
    built_only(&book);
    shows(&drills(), &["rb-good\">stays red</span>"]);
    book.run(&["test", "--control", "--stale"])
        .status(0)
        .says("stays-red (evidence)")
        .says("1/1 control experiments hold");
}

#[test]
fn what_heals_by_itself_is_red_in_the_drills_table_and_says_nothing_of_the_drill() {
    let heals = "touch /var/off; (sleep 0.5; rm -f /var/off) &";
    let book = book(&issue(
        "test ! -e /var/off",
        "rm -f /var/off; sleep 1",
        heals,
    ));
    book.run(&["verify"]).status(0);
    book.run(&["test", "--control"]).status(1);
    built_only(&book);
    shows(
        &book.read("book/drills.html"),
        &[
            "rb-bad\">self healed</span> <small>20",
            "rb-good\">resolved</span>",
        ],
    );
    shows(
        &article(&book, OFF),
        &["rb-bad\">self healed</span>", "rb-good\">recovered</span>"],
    );
}

#[test]
fn hostile_output_stays_text_and_is_bounded() {
    let noise = "printf '</pre></article><script>alert(1)</script>\\033[31mred\\033[0m\\007{{#include /etc/passwd}}\\n'; \
                 head -c 1000000 /dev/zero | tr '\\0' x; echo; test ! -e /var/off";
    let book = book(&issue(noise, "rm -f /var/off", "touch /var/off"));
    book.run(&["verify"]).status(0);
    let html = book.read(OFF);
    assert!(!html.contains("<script>alert") && !html.contains("root:x:"));
    assert!(!html.contains('\u{1b}') && !html.contains('\u{7}'));
    let page = article(&book, OFF);
    shows(
        &page,
        &[
            "&lt;/pre&gt;&lt;/article&gt;&lt;script&gt;alert(1)&lt;/script&gt;red\\x07&#123;&#123;#include",
            "bytes are left off here; the evidence file has them",
        ],
    );
    assert!(page.len() < 100_000, "{}", page.len());
}

#[test]
fn plain_mdbook_keeps_the_transcript_under_the_cause() {
    let book = book(&good());
    book.run(&["verify"]).status(0);
    let loaded = mdbook_driver::MDBook::load(book.dir.path()).unwrap();
    let context = serde_json::json!({
        "root": book.dir.path(), "config": {}, "renderer": "html", "mdbook_version": "0.5.4",
    });
    let input = serde_json::json!([context, loaded.book]).to_string();
    let answer = crate::site::pipe(&book, &input).status(0).stdout;
    shows(
        &answer,
        &["<summary>Transcript</summary>", "touch /var/off"],
    );
    assert!(!answer.contains("drills/down"), "{answer}");
}
