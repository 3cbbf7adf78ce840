//! The score sheet over all game days: which pages fail people.

use super::record::Record;
use super::time::in_words;
use std::collections::{BTreeMap, BTreeSet};

/// One line an issue page, those that fail people most first.
pub fn sheet(records: &[Record]) -> String {
    let mut by_page: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
    for record in records {
        by_page.entry(&record.page).or_default().push(record);
    }
    let mut lines: Vec<Line> = by_page
        .into_iter()
        .map(|(page, records)| Line::of(page, &records))
        .collect();
    // Shares are compared without dividing: a/b < c/d where a*d < c*b.
    lines.sort_by(|a, b| {
        let share = |x: usize, y: &Line| x * y.played;
        share(a.in_time, b)
            .cmp(&share(b.in_time, a))
            .then(share(a.solved, b).cmp(&share(b.solved, a)))
            .then(b.median_ms.cmp(&a.median_ms))
    });
    let width = lines.iter().map(|line| line.page.len()).max().unwrap_or(0);
    let mut text = format!(
        "{:width$}  played  solved  in target  median      pages opened\n",
        "page"
    );
    for line in &lines {
        let median = line.median_ms.map_or_else(|| "-".to_owned(), in_words);
        text.push_str(&format!(
            "{:width$}  {:>6}  {:>6}  {:>9}  {:<10}  {}\n",
            line.page, line.played, line.solved, line.in_time, median, line.median_pages
        ));
        if !line.failed.is_empty() {
            let failed: Vec<String> = line.failed.iter().map(|c| format!("`{c}`")).collect();
            text.push_str(&format!("  fails people: {}\n", failed.join(", ")));
        }
    }
    let count = |of: fn(&Record) -> bool| records.iter().filter(|r| of(r)).count();
    text.push_str(&format!(
        "{} game days, {} solved, {} of them within the target",
        records.len(),
        count(Record::is_solved),
        count(Record::is_in_time)
    ));
    text
}

struct Line<'a> {
    page: &'a str,
    played: usize,
    solved: usize,
    in_time: usize,
    /// Of those that were solved.
    median_ms: Option<u64>,
    median_pages: usize,
    /// Causes that were not solved within the target.
    failed: BTreeSet<&'a str>,
}

impl<'a> Line<'a> {
    fn of(page: &'a str, records: &[&'a Record]) -> Self {
        let solved = || records.iter().filter(|record| record.is_solved());
        let missed = records.iter().filter(|record| !record.is_in_time());
        Self {
            page,
            played: records.len(),
            solved: solved().count(),
            in_time: records.iter().filter(|r| r.is_in_time()).count(),
            median_ms: median(solved().filter_map(|record| record.ms()).collect()),
            median_pages: median(records.iter().map(|r| r.pages().count()).collect())
                .unwrap_or_default(),
            failed: missed.map(|record| record.cause.as_str()).collect(),
        }
    }
}

/// The middle one; of an even number, the upper of the two.
fn median<T: Ord + Copy>(mut values: Vec<T>) -> Option<T> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}
