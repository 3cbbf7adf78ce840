//! `book.toml`: the table `[preprocessor.runbook]` made into a [`Config`].

mod instance;
mod keys;
mod live;
mod respond;
mod rules;
mod site;
mod values;

pub use instance::Instance;
pub use keys::known_keys;
pub use live::{LiveConfig, Service};
pub use respond::{Argv, RespondConfig};
pub use rules::{ForeignLinks, RuleConfig};
pub use site::Redirect;
pub use values::Value;

use crate::finding::{Finding, did_you_mean};
use crate::markdown::duration;
use crate::page::{Role, backticked};
use crate::source::{Place, SourceFile};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What `mdbook build` executes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunPolicy {
    /// Only what has no evidence with the same inputs.
    #[default]
    Stale,
    /// Everything.
    Always,
    /// Nothing; stored evidence is shown.
    Never,
}

/// Names of headings that carry a role, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Headings {
    /// Blocks that find the cause.
    pub diagnosis: Vec<String>,
    /// Blocks that remove a cause.
    pub resolution: Vec<String>,
    /// Blocks that tell sick from healthy.
    pub verification: Vec<String>,
    /// Blocks that induce a cause.
    pub drill: Vec<String>,
    /// The list of symptoms.
    pub symptoms: Vec<String>,
    /// The table that says, for each issue, who is called when.
    pub escalation_matrix: Vec<String>,
    /// The nested list that leads to a cause.
    pub tree: Vec<String>,
}

impl Default for Headings {
    fn default() -> Self {
        let one = |name: &str| vec![name.to_owned()];
        Self {
            diagnosis: one("Diagnosis"),
            resolution: one("Resolution"),
            verification: one("Verification"),
            drill: one("Drill"),
            symptoms: one("Symptoms"),
            escalation_matrix: one("Escalation matrix"),
            tree: one("Decision tree"),
        }
    }
}

impl Headings {
    /// The role that a heading of this text gives to the blocks below it.
    pub fn role(&self, text: &str) -> Option<Role> {
        let is = |names: &[String]| names.iter().any(|name| same(name, text));
        [
            (&self.diagnosis, Role::Diagnosis),
            // What answers a question finds a cause, too: it may well fail.
            (&self.tree, Role::Diagnosis),
            (&self.resolution, Role::Resolution),
            (&self.verification, Role::Verification),
            (&self.drill, Role::Drill),
        ]
        .into_iter()
        .find_map(|(names, role)| is(names).then_some(role))
    }

    /// Whether the list below a heading of this text holds symptoms.
    pub fn is_symptoms(&self, text: &str) -> bool {
        self.symptoms.iter().any(|name| same(name, text))
    }

    /// Whether the section below a heading of this text says who is called for which issue.
    pub fn is_escalation_matrix(&self, text: &str) -> bool {
        self.escalation_matrix.iter().any(|name| same(name, text))
    }

    /// Whether a decision tree stands below a heading of this text.
    pub fn is_tree(&self, text: &str) -> bool {
        self.tree.iter().any(|name| same(name, text))
    }
}

fn same(name: &str, heading: &str) -> bool {
    name.trim().to_lowercase() == heading.trim().to_lowercase()
}

/// The settings of one book.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder that holds `book.toml`.
    pub root: PathBuf,
    /// The folder of the chapters.
    pub src: PathBuf,
    /// Where the site is built.
    pub build_dir: PathBuf,
    /// The address of the published site, with a final slash.
    pub base_url: Option<String>,
    /// The rule files, and how their links are written.
    pub rules: RuleConfig,
    /// Globs of files with unit tests of rules, relative to the root.
    pub rule_tests: Vec<String>,
    /// Globs of Grafana dashboards, relative to the root.
    pub dashboards: Vec<String>,
    /// Patterns of metrics that others than the instance export.
    pub other_metrics: Vec<String>,
    /// Labels that Prometheus gives to every series that it scrapes.
    pub target_labels: Vec<String>,
    /// Globs of files with results of tests, relative to the root.
    pub results: Vec<String>,
    /// The most clicks from any entry to a resolution.
    pub max_clicks: usize,
    /// The chapter that lists all symptoms, below `src`.
    pub symptom_index: Option<PathBuf>,
    /// A file with Prometheus' answer how often each alert fired, relative to the root.
    pub often: Option<PathBuf>,
    /// Addresses that the book once had.
    pub redirects: Vec<Redirect>,
    /// Where a decision tree sends whoever finds no branch: a chapter below `src`, with an anchor.
    pub escalation: Option<String>,
    /// What `mdbook build` executes.
    pub run: RunPolicy,
    /// Category to time within which its issues are resolved.
    pub categories: BTreeMap<String, Duration>,
    /// The time for issues without a category.
    pub resolve_within: Duration,
    /// Names of headings.
    pub headings: Headings,
    /// The ways out that each family of the log catalogue must name one of; empty where none is asked for.
    pub strategies: Vec<String>,
    /// The service under test; `None` for a book whose blocks need none.
    pub instance: Option<Instance>,
    /// The name of the profile that lies over it, where one was chosen.
    pub profile: Option<String>,
    /// The alerting programs of live drills.
    pub live: LiveConfig,
    /// How alerts are answered on the machine that has them.
    pub respond: RespondConfig,
    /// What readers may put into the blocks of the site, by name.
    pub values: Vec<Value>,
    /// Whether it has the table `[preprocessor.runbook]`.
    pub is_set_up: bool,
    /// `book.toml` itself, for findings.
    pub file: Arc<SourceFile>,
}

#[derive(Deserialize)]
struct BookToml {
    #[serde(default)]
    book: BookTable,
    #[serde(default)]
    build: BuildTable,
    #[serde(default)]
    preprocessor: Preprocessors,
}

#[derive(Deserialize, Default)]
struct BookTable {
    src: Option<PathBuf>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
struct BuildTable {
    build_dir: Option<PathBuf>,
}

#[derive(Deserialize, Default)]
struct Preprocessors {
    runbook: Option<Raw>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct Raw {
    command: Option<String>,
    renderers: Option<Vec<String>>,
    before: Option<Vec<String>>,
    after: Option<Vec<String>>,
    optional: Option<bool>,
    base_url: Option<String>,
    rules: Vec<rules::RawGlob>,
    annotation: Option<String>,
    url: Option<String>,
    runbook_query: Option<String>,
    foreign_links: rules::ForeignLinks,
    rule_tests: Vec<String>,
    dashboards: Vec<String>,
    other_metrics: Vec<String>,
    target_labels: Option<Vec<String>>,
    results: Vec<String>,
    max_clicks: Option<usize>,
    symptom_index: Option<PathBuf>,
    escalation: Option<String>,
    often: Option<PathBuf>,
    redirects: BTreeMap<String, String>,
    run: RunPolicy,
    categories: BTreeMap<String, String>,
    resolve_within: Option<String>,
    headings: Headings,
    strategies: Vec<String>,
    instance: Option<toml::Table>,
    live: live::Raw,
    respond: respond::Raw,
    values: BTreeMap<String, values::Raw>,
}

/// Why `book.toml` could not be used; shown like any finding, but the exit status is 2.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is missing or unreadable.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file says something that cannot be used.
    #[error("book.toml cannot be used")]
    Invalid(Box<Finding>),
}

impl Config {
    /// Reads `root/book.toml`; `profile` names an instance table that overrides the default one.
    pub fn load(root: &Path, profile: Option<&str>) -> Result<Self, ConfigError> {
        let path = root.join("book.toml");
        let text = std::fs::read_to_string(&path).map_err(|source| ConfigError::Read {
            path: path.clone(),
            source,
        })?;
        let file = SourceFile::new(path, text);
        Self::parse(root, &file, profile).map_err(|finding| ConfigError::Invalid(Box::new(finding)))
    }

    fn parse(root: &Path, file: &Arc<SourceFile>, profile: Option<&str>) -> Result<Self, Finding> {
        let toml: BookToml = toml::from_str(file.text()).map_err(|error| broken(file, &error))?;
        let is_set_up = toml.preprocessor.runbook.is_some();
        let raw = toml.preprocessor.runbook.unwrap_or_default();
        let categories = raw
            .categories
            .iter()
            .map(|(name, text)| Ok((name.clone(), time(file, name, text)?)))
            .collect::<Result<_, Finding>>()?;
        let resolve_within = match &raw.resolve_within {
            Some(text) => time(file, "resolve-within", text)?,
            None => Duration::from_secs(60),
        };
        let base_url = raw
            .base_url
            .map(|url| if url.ends_with('/') { url } else { url + "/" });
        let links = rules::read(
            file,
            base_url.as_deref(),
            rules::Raw {
                rules: raw.rules,
                annotation: raw.annotation,
                url: raw.url,
                query: raw.runbook_query,
                foreign_links: raw.foreign_links,
            },
        )?;
        Ok(Self {
            root: root.to_owned(),
            src: root.join(toml.book.src.unwrap_or_else(|| "src".into())),
            build_dir: root.join(toml.build.build_dir.unwrap_or_else(|| "book".into())),
            base_url,
            rules: links,
            rule_tests: raw.rule_tests,
            dashboards: raw.dashboards,
            other_metrics: raw.other_metrics,
            target_labels: raw
                .target_labels
                .unwrap_or_else(|| vec!["job".to_owned(), "instance".to_owned()]),
            results: raw.results,
            max_clicks: raw.max_clicks.unwrap_or(2),
            symptom_index: raw.symptom_index,
            escalation: raw.escalation,
            often: raw.often,
            redirects: site::redirects(file, &raw.redirects)?,
            run: raw.run,
            categories,
            resolve_within,
            headings: raw.headings,
            strategies: raw.strategies,
            instance: instance::read(file, raw.instance, profile)?,
            profile: profile.map(str::to_owned),
            live: live::read(file, raw.live)?,
            respond: respond::read(file, raw.respond)?,
            values: values::read(file, raw.values)?,
            is_set_up,
            file: Arc::clone(file),
        })
    }

    /// Where evidence and the last click matrix are kept; a profile has a place of its own.
    pub fn state_dir(&self) -> PathBuf {
        let dir = self.shared_state_dir();
        match &self.profile {
            Some(name) => dir.join("instances").join(name),
            None => dir,
        }
    }

    /// Where things are found whatever the profile, such as the game that is being played.
    pub fn shared_state_dir(&self) -> PathBuf {
        self.root.join(".runbook")
    }
}

/// The error of the TOML parser or of serde, at its place, with the nearest known key.
fn broken(file: &Arc<SourceFile>, error: &toml::de::Error) -> Finding {
    let span = error.span().unwrap_or(0..0);
    let message = error.message();
    let finding = Finding::error("config", Place::new(file, span), message.replace('\n', " "));
    match backticked(message) {
        Some(key) if message.contains("unknown field") => {
            let known: Vec<&str> = message.split('`').skip(3).step_by(2).collect();
            let mut finding = finding.help(did_you_mean(key, &known));
            finding.title = format!("unknown key `{key}`");
            finding
        }
        _ => finding.help("see the guide's table of `book.toml` keys"),
    }
}

fn time(file: &Arc<SourceFile>, key: &str, text: &str) -> Result<Duration, Finding> {
    duration(text).ok_or_else(|| {
        let at = file.text().find(&format!("\"{text}\"")).unwrap_or(0);
        Finding::error(
            "config",
            Place::new(file, at..at + text.len() + 2),
            format!("`{key}` is not a duration: `{text}`"),
        )
        .help("write a number with ms, s, m or h, such as `5m`")
    })
}
