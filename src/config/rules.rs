//! The keys of `[preprocessor.runbook]` about rule files: which, whose, and what links look like.

use super::Config;
use crate::finding::Finding;
use crate::rules::{DEFAULT_FORM, Dialect, RuleGlob, UrlForm, escaped_query};
use crate::source::{Place, SourceFile};
use serde::Deserialize;
use std::sync::Arc;

/// What is done to a link that leads out of the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForeignLinks {
    /// It is kept, with a warning.
    #[default]
    Keep,
    /// The page's link takes its place.
    Replace,
}

/// The rule files, and how their links are written.
#[derive(Debug, Clone)]
pub struct RuleConfig {
    /// Which files.
    pub globs: Vec<RuleGlob>,
    /// The annotation that holds the link.
    pub annotation: String,
    /// How addresses are made; `None` without `base-url`.
    pub form: Option<UrlForm>,
    /// The query of every link, its values escaped.
    pub query: Option<String>,
    /// What is done to links that lead out of the book.
    pub foreign: ForeignLinks,
}

/// An entry of `rules`: a glob, or one with the name of a program.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "write a path, or a table with `files` and `dialect`, one of prometheus, mimir, thanos, loki"
)]
pub(super) enum RawGlob {
    Glob(String),
    Table {
        files: String,
        dialect: Option<Dialect>,
    },
}

/// The keys as they are written.
pub(super) struct Raw {
    pub(super) rules: Vec<RawGlob>,
    pub(super) annotation: Option<String>,
    pub(super) url: Option<String>,
    pub(super) query: Option<String>,
    pub(super) foreign_links: ForeignLinks,
}

pub(super) fn read(
    file: &Arc<SourceFile>,
    base_url: Option<&str>,
    raw: Raw,
) -> Result<RuleConfig, Finding> {
    let form = raw.url.as_deref().unwrap_or(DEFAULT_FORM);
    // Without a base the form is still read, so that what is wrong with it is told.
    let parsed = UrlForm::new(base_url.unwrap_or_default(), form).map_err(|broken| {
        let help = format!("write it like `{DEFAULT_FORM}`");
        invalid(file, form, format!("`url` cannot be used: {broken}"), help)
    })?;
    let query = match raw.query.as_deref().filter(|query| !query.is_empty()) {
        Some(query) => Some(escaped_query(query).map_err(|broken| {
            let help = "write it like `space={{ $labels.space }}`".to_owned();
            let title = format!("`runbook-query` cannot be used: {broken}");
            invalid(file, query, title, help)
        })?),
        None => None,
    };
    let annotation = raw.annotation.unwrap_or_else(|| "runbook_url".to_owned());
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !annotation.chars().all(is_name)
        || annotation.chars().next().is_none_or(|c| c.is_ascii_digit())
    {
        let help = "use letters, digits and `_`, and begin with no digit".to_owned();
        let title = format!("`{annotation}` is no name of annotations");
        return Err(invalid(file, &annotation, title, help));
    }
    let globs = raw.rules.into_iter().map(|glob| match glob {
        RawGlob::Glob(files) => RuleGlob {
            files,
            dialect: None,
        },
        RawGlob::Table { files, dialect } => RuleGlob { files, dialect },
    });
    Ok(RuleConfig {
        globs: globs.collect(),
        annotation,
        form: base_url.map(|_| parsed),
        query,
        foreign: raw.foreign_links,
    })
}

/// A finding at the text of a value, wherever its quotes stand.
fn invalid(file: &Arc<SourceFile>, text: &str, title: String, help: String) -> Finding {
    let at = file.text().find(text).unwrap_or(0);
    let length = if file.text()[at..].starts_with(text) {
        text.len()
    } else {
        0
    };
    Finding::error("config", Place::new(file, at..at + length), title).help(help)
}

impl Config {
    /// Whether the book has rule files.
    pub fn has_rules(&self) -> bool {
        !self.rules.globs.is_empty()
    }
}
