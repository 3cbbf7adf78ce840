//! What authors get wrong is said once, clearly, at its place; the exit status tells the kind.

use crate::book::Book;

#[track_caller]
fn check(page: &str, texts: &[&str]) {
    let mut ran = Book::new().page("a.md", page).run(&["check"]).status(1);
    for text in texts {
        ran = ran.says(text);
    }
}

const BLOCK: &str = "```bash\ntrue\n```\n";

#[test]
fn unclosed_fence() {
    check(
        "# T\n\n```bash\ntrue\n",
        &["error[unclosed-fence]", "src/a.md:3:1"],
    );
}

#[test]
fn unknown_attribute_names_the_nearest() {
    check(
        "```bash {timout=3s}\ntrue\n```\n",
        &[
            "unknown attribute `timout`",
            "did you mean `timeout`?",
            "src/a.md:1:1",
        ],
    );
}

#[test]
fn unknown_front_matter_key_names_the_nearest() {
    check(
        &format!("---\nissue: 1\nseverty: SEV1\n---\n# T\n{BLOCK}"),
        &[
            "unknown front-matter key `severty`",
            "did you mean `severity`?",
            "src/a.md:3:1",
        ],
    );
}

#[test]
fn broken_yaml_and_unclosed_front_matter() {
    check(
        &format!("---\nissue: [1\n---\n{BLOCK}"),
        &["error[front-matter]", "cannot be read"],
    );
    check(
        &format!("---\nissue: 1\n\n{BLOCK}"),
        &["the front matter is never closed"],
    );
}

#[test]
fn cause_without_drill_and_drill_without_cause() {
    let page = "---\nissue: 1\n---\n# T\n## Symptoms\n- s\n## Resolution {#r}\n### A {#a}\n```bash\ntrue\n```\n\
                ## Verification\n```bash\ntrue\n```\n## Drill\n### B\n```bash\ntrue\n```\n";
    check(
        page,
        &[
            "cause `A` has no drill",
            "src/a.md:8:1",
            "drill `B` has no cause under *Resolution*",
            "src/a.md:17:1",
            "this block is neither executed nor waived",
        ],
    );
}

#[test]
fn an_issue_page_must_be_whole() {
    check(
        "---\nissue: 1\n---\n# T\n\n```bash\ntrue\n```\n",
        &[
            "no executed block under *Verification*",
            "no cause with a drill",
            "no symptom",
        ],
    );
}

#[test]
fn duplicate_issue_number() {
    let page = "---\nissue: 1\n---\n# T\n```bash\ntrue\n```\n";
    Book::new()
        .page("a.md", page)
        .page("b.md", page)
        .run(&["check"])
        .status(1)
        .says("issue 1 stands on two pages");
}

#[test]
fn expired_waiver_unmarked_danger_unknown_directive_and_lost_output() {
    check(
        "```bash {waive=\"x\" until=2020-01-01}\ntrue\n```\n```bash\ntrue\n```\n",
        &["waiver-expired"],
    );
    check(
        "```bash\nrm -rf /x\n```\n",
        &["danger-unmarked", "runs `rm`"],
    );
    check(
        &format!("<!-- runbook: symptms -->\n\n{BLOCK}"),
        &["did you mean `symptoms`?"],
    );
    check(
        &format!("```text {{output}}\nx\n```\n{BLOCK}"),
        &["output-without-block"],
    );
}

#[test]
fn a_book_that_cannot_be_read_is_exit_status_2() {
    let book = Book::new();
    std::fs::remove_file(book.path("src/SUMMARY.md")).unwrap();
    book.run(&["verify"])
        .status(2)
        .says("SUMMARY.md` is missing");
    let book = Book::new();
    std::fs::remove_file(book.path("book.toml")).unwrap();
    book.run(&["verify"]).status(2).says("no book here");
    Book::new()
        .page("a.md", "\0")
        .run(&["check"])
        .status(2)
        .says("NUL byte at offset 0");
    let book = Book::new().page("a.md", BLOCK);
    std::fs::write(book.path("src/a.md"), b"caf\xe9").unwrap();
    book.run(&["check"]).status(2).says("a.md");
}

#[test]
fn chapters_that_are_missing_are_not_created() {
    let book = Book::new().page("a.md", BLOCK);
    book.write("src/SUMMARY.md", "# Summary\n\n- [A](a.md)\n- [B](b.md)\n");
    book.run(&["check"]).status(2).says("b.md");
    assert!(!book.path("src/b.md").exists());
}

#[test]
fn unknown_configuration_key_and_profile() {
    Book::new()
        .toml("[preprocessor.runbook]\nmax-cliks = 2\n")
        .page("a.md", BLOCK)
        .run(&["check"])
        .status(2)
        .says("unknown key `max-cliks`")
        .says("did you mean `max-clicks`?")
        .says("book.toml:4:1");
    Book::new()
        .toml("[preprocessor.runbook.instance]\nstrat = \"x\"\n")
        .page("a.md", BLOCK)
        .run(&["check"])
        .status(2)
        .says("unknown key `strat`");
    Book::new()
        .page("a.md", BLOCK)
        .run(&["test", "--instance", "real"])
        .status(2)
        .says("no instance profile `real`");
    Book::new().page("a.md", BLOCK).run(&["tset"]).status(2);
}

#[test]
fn a_failing_prepare_shows_its_output() {
    Book::new()
        .toml("[preprocessor.runbook.instance]\nprepare = \"echo no compiler; false\"\n")
        .page("a.md", BLOCK)
        .run(&["test"])
        .status(2)
        .says("no compiler");
}
