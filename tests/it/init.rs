//! `init`: a first page, in a new book and in one that exists; nothing is overwritten.

use crate::book::{Book, Ran, program};
use std::fs;

#[test]
fn a_new_book_holds_and_its_page_can_fail() {
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| Ran::from(program(dir.path()).args(args).output().unwrap());
    let said = run(&["init", "ops"]).status(0);
    assert_eq!(
        said.stdout,
        "wrote ops/book.toml\nwrote ops/.gitignore\nwrote ops/src/SUMMARY.md\n\
         wrote ops/src/introduction.md\nwrote ops/src/issues/web-server-does-not-answer.md\n\
         wrote ops/service/web\nnext: mdbook-runbook verify ops\n"
    );
    run(&["verify", "ops"])
        .status(0)
        .says("1/1 drills recovered · 1/1 doc tests passed · 5 blocks executed, 0 waived");
    let page = dir
        .path()
        .join("ops/src/issues/web-server-does-not-answer.md");
    let text = fs::read_to_string(&page).unwrap();
    fs::write(&page, text.replace("web start", "true")).unwrap();
    run(&["verify", "ops"])
        .status(1)
        .says("error[not-recovered]");
}

#[test]
fn a_book_that_exists_keeps_all_that_it_has() {
    let book = Book::new().page("a.md", "# A\n");
    book.run(&["init"])
        .status(0)
        .says("wrote book.toml")
        .says("next: put `<!-- runbook: symptoms -->` on the book's front page");
    let toml = book.read("book.toml");
    assert!(toml.starts_with("[book]\ntitle = \"t\"\n"), "{toml}");
    assert_eq!(
        book.read("src/SUMMARY.md"),
        "# Summary\n\n- [a.md](a.md)\n- [The web server does not answer](issues/web-server-does-not-answer.md)\n"
    );
    assert_eq!(book.read("src/a.md"), "# A\n");
    book.run(&["verify"])
        .status(1)
        .says("error[too-many-clicks]");
    book.write("src/a.md", "# A\n\n<!-- runbook: symptoms -->\n");
    book.run(&["verify"]).status(0).says("1/1 drills recovered");
}

#[test]
fn what_is_there_is_never_overwritten() {
    let book = Book::new().file("service/web", "mine\n");
    book.run(&["init"])
        .status(2)
        .says("nothing was written: ./service/web already exists");
    assert_eq!(book.read("service/web"), "mine\n");
    assert_eq!(book.read("book.toml"), "[book]\ntitle = \"t\"\n");
    assert!(!book.path("src/issues").exists());
    Book::new()
        .toml("[preprocessor.runbook]\n")
        .run(&["init"])
        .status(2)
        .says("has a table `[preprocessor.runbook]` already");
}
