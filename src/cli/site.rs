//! The built site with all that can be said of it: used by `verify`, `check` and `build`.

use super::CliError;
use super::open::Opened;
use crate::acceptance::{self, LastChecks, Records, Results};
use crate::check;
use crate::config::Config;
use crate::evidence::{Store, Subject};
use crate::finding::Finding;
use crate::fs_write;
use crate::nav::{self, Matrix};
use crate::page::Page;
use crate::preprocessor::Runbook;
use crate::site::html::Site;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is known once the site is built.
pub(super) struct Built {
    pub(super) matrix: Matrix,
    pub(super) findings: Vec<Finding>,
    /// The folder of the pages.
    pub(super) root: PathBuf,
}

/// Whether the site is for people, or only to be looked at by the checks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose<'a> {
    /// The click matrix is stored, and the pages show it.
    Publish,
    /// What the checks found is stored, too: these findings, and those on the built pages.
    Verify(&'a [Finding]),
    /// Nothing is written outside of `dest`.
    Inspect,
}

/// Builds the site in `dest` and checks links, anchors and clicks on the pages as built.
pub(super) fn build(
    opened: &Opened,
    dest: &Path,
    inputs: Option<BTreeMap<Subject, String>>,
    purpose: Purpose<'_>,
) -> Result<Built, CliError> {
    let config = &opened.config;
    let (pages, trees) = (&opened.pages, &opened.trees);
    let runbook = Runbook {
        inputs,
        ..Runbook::default()
    };
    let mut root = crate::site::build(config, dest, runbook.clone(), pages, trees)?;
    let site = Site::read(&root, &opened.chapters())?.also(nav::LOST);
    let (matrix, mut findings) = nav::matrix(&site, &opened.pages, &opened.trees, config);
    findings.extend(check::links(&site, &opened.pages));
    findings.extend(check::alert_anchors(&site, &opened.pages));
    findings.extend(check::addresses_lead(&site, &opened.pages, config));
    findings.extend(crate::site::often_readable(config));
    findings.extend(check::escalation_target(&site, config));
    if config.has_rules() {
        let (files, _) = opened.rules();
        findings.extend(check::runbook_urls(files, &site, &opened.pages, config));
    }
    let (dashboards, _) = crate::dashboards::load(&config.root, &config.dashboards);
    findings.extend(check::dashboard_links(&site, &dashboards, config));
    if purpose != Purpose::Inspect {
        let counted = keep_matrix(&matrix, config)?;
        let checked = match purpose {
            Purpose::Verify(others) => keep_checks(&[others, &findings], opened)?,
            Purpose::Publish | Purpose::Inspect => false,
        };
        if counted || checked {
            // The pages show what was found on the pages: links do not depend on it.
            root = crate::site::build(config, dest, runbook, pages, trees)?;
        }
        fs_write::write(&root.join("navigation.json"), matrix.to_json().as_bytes())?;
    }
    Ok(Built {
        matrix,
        findings,
        root,
    })
}

/// What is wrong with the links of alerts. The chapters are built in `dest` to see their anchors, and
/// nothing else: the 10,000 addresses of 10,000 alerts take longer to write than the links. The rule
/// files are read meanwhile.
pub(super) fn links_of_alerts(opened: &Opened, dest: &Path) -> Result<Vec<Finding>, CliError> {
    let (config, pages) = (&opened.config, &opened.pages);
    let (built, (files, _)) = std::thread::scope(|scope| {
        scope.spawn(|| opened.rules());
        let built = crate::site::build_chapters(config, dest, Runbook::default());
        (built, opened.rules())
    });
    let site = Site::read(&built?.root, &opened.chapters())?;
    let mut findings = check::alert_anchors(&site, pages);
    findings.extend(check::runbook_urls(files, &site, pages, config));
    Ok(findings)
}

/// Keeps the matrix in the state folder; whether it differs from the last one.
fn keep_matrix(matrix: &Matrix, config: &Config) -> Result<bool, CliError> {
    let state = config.state_dir();
    if Matrix::load(&state).as_ref() == Some(matrix) {
        return Ok(false);
    }
    std::fs::create_dir_all(&state).map_err(|source| CliError::Write {
        path: state.clone(),
        source,
    })?;
    fs_write::write(&state.join("navigation.json"), matrix.to_json().as_bytes())?;
    Ok(true)
}

/// Keeps what the checks found, in a book that shows it; whether it does.
fn keep_checks(findings: &[&[Finding]], opened: &Opened) -> Result<bool, CliError> {
    let shows_it = |page: &Arc<Page>| !acceptance::criteria(page).is_empty();
    if !opened.pages.iter().any(shows_it) {
        return Ok(false);
    }
    LastChecks::of(findings.iter().copied().flatten()).keep(&opened.config.state_dir())?;
    Ok(true)
}

/// The criteria whose last result is red.
pub(super) fn criteria(
    opened: &Opened,
    store: &Store,
    inputs: Option<&BTreeMap<Subject, String>>,
) -> Vec<Finding> {
    let config = &opened.config;
    check::failed(&Records {
        pages: opened.pages.iter().map(AsRef::as_ref).collect(),
        store,
        inputs,
        checks: None,
        results: &Results::load(config, opened.pages.iter().map(AsRef::as_ref)),
    })
}
