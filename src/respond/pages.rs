//! Which page of the book answers an alert, and which script is the page's.

use crate::config::{Argv, RespondConfig};
use crate::page::Page;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The page that answers an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageOf {
    /// Below the book's `src`.
    pub path: String,
    /// Its heading.
    pub title: String,
    /// Of its front matter.
    pub severity: Option<String>,
}

/// The pages by the alerts that they answer, and their scripts.
#[derive(Debug, Clone)]
pub struct Pages {
    by_alert: BTreeMap<String, PageOf>,
    command: Argv,
    commands: BTreeMap<String, Argv>,
    bundle: Argv,
}

impl Pages {
    /// Of a book.
    pub fn new(pages: &[Arc<Page>], config: &RespondConfig) -> Self {
        let mut by_alert = BTreeMap::new();
        for page in pages {
            for alert in &page.front_matter.alerts {
                let of = || PageOf {
                    path: page.path.to_string_lossy().into_owned(),
                    title: page.title().to_owned(),
                    severity: page.front_matter.severity.clone(),
                };
                // As links do: the first page that names an alert has it.
                by_alert.entry(alert.name.clone()).or_insert_with(of);
            }
        }
        Self {
            by_alert,
            command: config.command.clone(),
            commands: config.commands.clone(),
            bundle: config.bundle.clone(),
        }
    }

    /// The page that answers an alert.
    pub fn of(&self, alert: &str) -> Option<&PageOf> {
        self.by_alert.get(alert)
    }

    /// The diagnostic script of a page, or that of alerts without a page.
    pub fn diagnosis(&self, page: Option<&PageOf>) -> &Argv {
        page.and_then(|page| self.commands.get(&page.path))
            .unwrap_or(&self.command)
    }

    /// What is run, too, for a page of severity SEV1.
    pub fn bundle(&self, page: Option<&PageOf>) -> Option<&Argv> {
        let severity = page.and_then(|page| page.severity.as_deref());
        let is_worst = severity.is_some_and(|severity| severity.eq_ignore_ascii_case("SEV1"));
        (is_worst && !self.bundle.is_empty()).then_some(&self.bundle)
    }

    /// All programs that may be run, each once.
    pub fn programs(&self) -> Vec<&str> {
        let all = self.commands.values().chain([&self.command, &self.bundle]);
        let mut programs: Vec<&str> = all
            .filter_map(|argv| argv.first())
            .map(String::as_str)
            .collect();
        programs.sort_unstable();
        programs.dedup();
        programs
    }

    /// Pages with a script of their own that the book does not have.
    pub fn unknown<'a>(&'a self, pages: &'a [Arc<Page>]) -> impl Iterator<Item = &'a str> {
        self.commands.keys().map(String::as_str).filter(|path| {
            !pages
                .iter()
                .any(|page| page.path.to_string_lossy() == *path)
        })
    }
}
