//! `<!-- runbook: front -->`: the field that finds, the decision trees, and all symptoms as links.

use super::finder::{self, Chapters};
use super::often::Often;
use super::page_view::View;
use super::template::fill;
use super::text::{encoded, relative};
use crate::page::{Page, html_path};
use serde::Serialize;
use std::path::Path;

#[derive(Serialize)]
struct Front<'a> {
    root: String,
    lost: bool,
    trees: Vec<TreeLink<'a>>,
    counted: bool,
    issues: Vec<Issue<'a>>,
}

#[derive(Serialize)]
struct TreeLink<'a> {
    href: String,
    title: &'a str,
}

#[derive(Serialize)]
struct Issue<'a> {
    href: String,
    title: &'a str,
    severity: &'a str,
    times: Option<u64>,
    symptoms: Vec<Symptom<'a>>,
}

#[derive(Serialize)]
struct Symptom<'a> {
    href: String,
    text: &'a str,
}

/// For the page `own`.
pub(super) fn front(own: &Page, view: &View<'_>) -> String {
    let chapters = Chapters::of(view);
    let html = shown(&chapters, &own.html_path(), false);
    let assets = finder::assets(&finder::data(&chapters));
    format!("{html}\n\n{assets}")
}

/// For the page that is shown for addresses that do not exist.
pub(super) fn lost(chapters: &Chapters<'_>) -> String {
    shown(chapters, Path::new("404.html"), true)
}

fn shown(chapters: &Chapters<'_>, from: &Path, lost: bool) -> String {
    let often = Often::load(chapters.config);
    let address = |to: &Path, anchor: Option<&str>| {
        let page = encoded(&relative(from, to));
        anchor.map_or(page.clone(), |anchor| format!("{page}#{}", encoded(anchor)))
    };
    let issues = chapters.issues(often.as_ref());
    let issues = issues.into_iter().filter_map(|page| {
        let issue = page.issue.as_ref()?;
        let to = page.html_path();
        let resolution = issue.resolution_id.as_deref();
        Some(Issue {
            href: address(&to, None),
            title: page.title(),
            severity: page.front_matter.severity.as_deref().unwrap_or_default(),
            times: often.as_ref().map(|often| often.of(page)),
            symptoms: issue
                .symptoms
                .iter()
                .map(|symptom| Symptom {
                    href: address(&to, symptom.anchor.as_deref().or(resolution)),
                    text: &symptom.text,
                })
                .collect(),
        })
    });
    let depth = from.components().count().saturating_sub(1);
    let front = Front {
        root: "../".repeat(depth),
        lost,
        trees: chapters
            .trees
            .iter()
            .map(|tree| TreeLink {
                href: address(&html_path(&tree.page), chapters.tree_anchor(tree)),
                title: &tree.title,
            })
            .collect(),
        counted: often.is_some(),
        issues: issues.collect(),
    };
    fill("front.html", &front)
}
