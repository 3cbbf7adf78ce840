//! Every form of a fence is run, and what only looks like one is not.

use crate::book::Book;

/// The output of the only step of a book with this page.
fn output(page: &str) -> Option<String> {
    let book = Book::new().page("a.md", page);
    let ran = book.run(&["test", "--report", "json=report.json"]);
    if ran.status == Some(2) {
        return None;
    }
    let report: serde_json::Value = serde_json::from_str(&book.read("report.json")).unwrap();
    let stages = report["jobs"][0]["evidence"]["stages"].as_array()?.clone();
    let steps = stages
        .iter()
        .flat_map(|stage| stage["steps"].as_array().unwrap().clone());
    steps
        .last()
        .map(|step| step["output"].as_str().unwrap().to_owned())
}

#[track_caller]
fn runs(page: &str) {
    assert_eq!(output(page).as_deref(), Some("ran\n"), "{page:?}");
}

#[test]
fn all_thirteen_forms() {
    runs("# T\n\n```bash\necho ran\n```\n");
    runs("# T\n\n``` bash\necho ran\n```\n");
    runs("# T\n\n~~~bash\necho ran\n~~~\n");
    runs("# T\n\n````bash\necho ran\n````\n");
    runs("# T\n\n1. step\n\n   ```bash\n   echo ran\n   ```\n");
    runs("# T\n\n> ```bash\n> echo ran\n> ```\n");
    runs("# T\n\n```bash title=\"x\"\necho ran\n```\n");
    runs("# T\n\n```Bash\necho ran\n```\n");
    runs("# T\n\n```sh\necho ran\n```\n");
    runs("# T\r\n\r\n```bash\r\necho ran\r\n```\r\n");
    // Unclosed: run, and reported as well.
    runs("# T\n\n```bash\necho ran\n");
    assert_eq!(output("# T\n\n<!--\n```bash\necho ran\n```\n-->\n"), None);
    assert_eq!(
        output("# T\n\n````text\n```bash\necho ran\n```\n````\n"),
        None
    );
    runs("\u{feff}# T\n\n- a\n  - b\n\n    ```console\n    $ echo ran\n    ```\n");
}

#[test]
fn a_book_without_a_block_is_an_error() {
    Book::new()
        .page("a.md", "# nothing here\n\ntext\n")
        .run(&["test"])
        .status(1)
        .says("error[nothing-to-run]: the book has no block to execute");
}
