//! A real Redis: the tool knows nothing of the service that it drills.

use crate::book::{Book, Ran, program};
use std::path::Path;

fn copy() -> Book {
    let book = Book::new();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/books/redis");
    for entry in walkdir::WalkDir::new(&from) {
        let entry = entry.unwrap();
        let path = entry.path().strip_prefix(&from).unwrap();
        let is_generated = path.starts_with("book") || path.starts_with(".runbook");
        if entry.file_type().is_file() && !is_generated {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            book.write(path.to_str().unwrap(), &text);
        }
    }
    book
}

fn verify(book: &Book) -> Ran {
    Ran::from(program(book.dir.path()).arg("verify").output().unwrap())
}

#[test]
fn the_redis_book_holds() {
    verify(&copy())
        .status(0)
        .says("3/3 drills recovered")
        .says("2/2 alerts linked");
}

#[test]
fn without_the_repair_it_fails() {
    let book = copy();
    let page = "src/issues/truncated-aof.md";
    let line = "yes | redis-check-aof --fix /var/lib/redis/appendonlydir/appendonly.aof.manifest\n";
    let text = book.read(page);
    assert!(text.contains(line));
    book.write(page, &text.replace(line, ""));
    verify(&book)
        .status(1)
        .says("FAIL issues/truncated-aof.md: A write was cut off");
}
