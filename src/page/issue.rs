//! An issue page: its symptoms, its causes, and how each is drilled.

use super::{AlertRef, Page, Role, Step};
use crate::config::{Config, Headings};
use crate::finding::{Finding, nearest};
use crate::markdown::Heading;
use crate::source::Place;
use std::time::Duration;

/// What an operator sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symptom {
    /// Its text, without markup.
    pub text: String,
    /// The list item.
    pub place: Place,
    /// The anchor on this page of its resolution, where the item links to one.
    pub anchor: Option<String>,
}

/// One root cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The heading's text; pairs it with its drill.
    pub name: String,
    /// The explicit id of its heading.
    pub id: Option<String>,
    /// The heading under *Resolution*.
    pub place: Place,
    /// What induces it.
    pub drill: Vec<Step>,
    /// What removes it.
    pub resolution: Vec<Step>,
    /// Capabilities that it needs beside the page's.
    pub needs: Vec<String>,
    /// What its resolution loses, where it does.
    pub loss: Option<String>,
    /// Other causes of the page that its resolution removes too, each with the reason.
    pub also: Vec<(String, String)>,
    /// Decision trees that may miss it, each with the reason.
    pub astray: Vec<(String, String)>,
    /// Of these alerts one must fire in its drill; empty where it is not drilled live.
    pub live: Vec<AlertRef>,
}

impl Cause {
    /// The steps of its drill that run while all is well, which come first, and those that induce it.
    pub fn drill_steps(&self) -> (&[Step], &[Step]) {
        let n = self.drill.iter().take_while(|step| step.before).count();
        self.drill.split_at(n)
    }
}

/// What makes a chapter an issue page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuePage {
    /// Its number.
    pub number: u32,
    /// The time within which *Verification* must pass after the resolution.
    pub resolve_within: Duration,
    /// What operators see.
    pub symptoms: Vec<Symptom>,
    /// Steps that find the cause.
    pub diagnosis: Vec<Step>,
    /// Steps that tell sick from healthy.
    pub verification: Vec<Step>,
    /// Its causes in the order of the page.
    pub causes: Vec<Cause>,
    /// What runs beside the instance in live drills.
    pub services: Vec<String>,
    /// The anchor of the *Resolution* heading, where it has an explicit one.
    pub resolution_id: Option<String>,
}

impl IssuePage {
    /// The cause of that name.
    pub fn cause(&self, name: &str) -> Option<&Cause> {
        self.causes.iter().find(|cause| cause.name == name)
    }

    /// Every step of the page once.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        let causes = self
            .causes
            .iter()
            .flat_map(|cause| cause.drill.iter().chain(&cause.resolution));
        self.diagnosis
            .iter()
            .chain(&self.verification)
            .chain(causes)
    }
}

/// The headings of one page, with what they are for.
struct Outline<'a> {
    page: &'a Page,
    names: &'a Headings,
}

impl Outline<'_> {
    fn role_headings(&self, role: Role) -> Vec<usize> {
        let headings = &self.page.document.headings;
        (0..headings.len())
            .filter(|index| self.names.role(&headings[*index].text) == Some(role))
            .collect()
    }

    /// The headings directly below those of `role`.
    fn parts(&self, role: Role) -> Vec<&Heading> {
        let roots = self.role_headings(role);
        let headings = &self.page.document.headings;
        headings
            .iter()
            .filter(|heading| {
                heading
                    .under
                    .last()
                    .is_some_and(|last| roots.contains(last))
            })
            .collect()
    }
}

/// Distributes `steps` over the roles; what has none is returned for the page's doc test.
pub(super) fn interpret(
    page: &Page,
    steps: Vec<Step>,
    config: &Config,
) -> (IssuePage, Vec<Step>, Vec<Finding>) {
    let outline = Outline {
        page,
        names: &config.headings,
    };
    let of = |role: Role| -> Vec<Step> {
        steps
            .iter()
            .filter(|step| step.role == Some(role))
            .cloned()
            .collect()
    };
    let (mut causes, mut findings) = causes(&outline, &of(Role::Resolution), &of(Role::Drill));
    let number = page.front_matter.issue.as_ref().map_or(0, |issue| issue.0);
    let resolution = outline.role_headings(Role::Resolution);
    let (resolve_within, more) = resolve_within(page, config);
    findings.extend(more);
    let (services, more) = super::live::assign(page, &mut causes, config);
    findings.extend(more);
    let issue = IssuePage {
        number,
        resolve_within,
        symptoms: symptoms(&outline),
        diagnosis: of(Role::Diagnosis),
        verification: of(Role::Verification),
        causes,
        services,
        resolution_id: resolution
            .first()
            .and_then(|index| page.document.headings[*index].id.clone()),
    };
    findings.extend(missing(page, &issue));
    let rest = steps
        .into_iter()
        .filter(|step| step.role.is_none())
        .collect();
    (issue, rest, findings)
}

fn symptoms(outline: &Outline<'_>) -> Vec<Symptom> {
    let document = &outline.page.document;
    document
        .items
        .iter()
        .filter(|item| {
            item.depth == 0
                && item
                    .under
                    .iter()
                    .any(|index| outline.names.is_symptoms(&document.headings[*index].text))
        })
        .map(|item| Symptom {
            text: item.text.clone(),
            place: Place::line_of(&document.file, item.place.line()),
            anchor: item
                .links
                .iter()
                .find_map(|link| link.strip_prefix('#').map(str::to_owned)),
        })
        .collect()
}

fn resolve_within(page: &Page, config: &Config) -> (Duration, Vec<Finding>) {
    let front_matter = &page.front_matter;
    let category = front_matter.category.as_ref();
    let of_category = category.and_then(|(name, _)| config.categories.get(name));
    let mut findings = Vec::new();
    if let (Some((name, place)), None) = (category, of_category) {
        let known: Vec<&str> = config.categories.keys().map(String::as_str).collect();
        findings.push(
            Finding::error(
                "front-matter",
                place.clone(),
                format!("unknown category `{name}`"),
            )
            .help(crate::finding::did_you_mean(name, &known)),
        );
    }
    let chosen = front_matter.resolve_within.or(of_category.copied());
    (chosen.unwrap_or(config.resolve_within), findings)
}

/// Pairs the headings under *Resolution* with those under *Drill*, by name.
fn causes(
    outline: &Outline<'_>,
    resolution: &[Step],
    drill: &[Step],
) -> (Vec<Cause>, Vec<Finding>) {
    let mut findings = Vec::new();
    let resolved = outline.parts(Role::Resolution);
    let drilled = outline.parts(Role::Drill);
    let name = |heading: &Heading| heading.text.trim().to_owned();
    for heading in &drilled {
        if !resolved.iter().any(|other| name(other) == name(heading)) {
            let known: Vec<String> = resolved.iter().map(|h| name(h)).collect();
            let near = nearest(&heading.text, known.iter().map(String::as_str));
            findings.push(
                Finding::error(
                    "drill-without-cause",
                    heading.place.clone(),
                    format!("drill `{}` has no cause under *Resolution*", name(heading)),
                )
                .help(near.map_or_else(
                    || "add a heading of the same name under *Resolution*".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                )),
            );
        }
    }
    let mut causes: Vec<Cause> = Vec::new();
    for heading in resolved {
        let Some(partner) = drilled.iter().find(|other| name(other) == name(heading)) else {
            findings.push(
                Finding::error(
                    "cause-without-drill",
                    heading.place.clone(),
                    format!("cause `{}` has no drill", name(heading)),
                )
                .note("nothing proves that this resolution works")
                .help("add a heading of the same name under *Drill*, with a block that induces it"),
            );
            continue;
        };
        if let Some(first) = causes.iter().find(|cause| cause.name == name(heading)) {
            findings.push(
                Finding::error(
                    "duplicate-cause",
                    heading.place.clone(),
                    format!("cause `{}` stands twice", name(heading)),
                )
                .related(first.place.clone(), "first here")
                .help("give each cause its own name"),
            );
            continue;
        }
        causes.push(cause(outline, heading, partner, (resolution, drill)));
    }
    findings.extend(unknown_causes(&causes));
    (causes, findings)
}

/// What a resolution claims to remove too must be a cause of the page, and not its own.
fn unknown_causes(causes: &[Cause]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for cause in causes {
        let others: Vec<&str> = causes
            .iter()
            .map(|other| other.name.as_str())
            .filter(|other| *other != cause.name)
            .collect();
        let unknown = cause
            .also
            .iter()
            .filter(|(name, _)| !others.contains(&name.as_str()));
        findings.extend(unknown.map(|(name, _)| {
            Finding::error(
                "unknown-cause",
                cause.place.clone(),
                format!("`also` names `{name}`, which is no other cause of this page"),
            )
            .help(crate::finding::did_you_mean(name, &others))
        }));
    }
    findings
}

fn cause(
    outline: &Outline<'_>,
    heading: &Heading,
    partner: &Heading,
    (resolution, drill): (&[Step], &[Step]),
) -> Cause {
    let own = |steps: &[Step], heading: &Heading| -> Vec<Step> {
        let headings = &outline.page.document.headings;
        steps
            .iter()
            .filter(|step| {
                step.part
                    .is_none_or(|part| headings[part].place == heading.place)
            })
            .cloned()
            .collect()
    };
    let resolution = own(resolution, heading);
    let drill = own(drill, partner);
    Cause {
        name: heading.text.trim().to_owned(),
        id: heading.id.clone(),
        place: heading.place.clone(),
        needs: drill
            .iter()
            .chain(&resolution)
            .flat_map(|step| step.needs.clone())
            .collect(),
        loss: resolution.iter().find_map(|step| step.loss.clone()),
        also: resolution
            .iter()
            .flat_map(|step| step.also.clone())
            .collect(),
        astray: resolution
            .iter()
            .flat_map(|step| step.astray.clone())
            .collect(),
        live: Vec::new(),
        drill,
        resolution,
    }
}

/// An issue page that cannot be drilled proves nothing: every missing part is an error.
fn missing(page: &Page, issue: &IssuePage) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some((_, place)) = &page.front_matter.issue else {
        return findings;
    };
    let mut lack = |check: &'static str, what: &str, help: &str| {
        findings.push(
            Finding::error(
                check,
                place.clone(),
                format!("this issue page has no {what}"),
            )
            .help(help),
        );
    };
    if issue.verification.is_empty() {
        lack(
            "no-verification",
            "executed block under *Verification*",
            "add a block that exits 0 if, and only if, the service is healthy",
        );
    }
    if issue.causes.is_empty() {
        lack(
            "no-cause",
            "cause with a drill",
            "add a heading under *Resolution* and one of the same name under *Drill*",
        );
    }
    if issue.symptoms.is_empty() {
        lack(
            "no-symptom",
            "symptom",
            "add a list under a heading *Symptoms*: what does an operator see?",
        );
    }
    for cause in &issue.causes {
        for (steps, part) in [
            (&cause.drill, "*Drill*"),
            (&cause.resolution, "*Resolution*"),
        ] {
            if steps.is_empty() {
                findings.push(
                    Finding::error(
                        "empty-cause",
                        cause.place.clone(),
                        format!("cause `{}` has no executed block under {part}", cause.name),
                    )
                    .help("add a bash block, or take the waiver off"),
                );
            }
        }
        findings.extend(nothing_needed(cause));
    }
    findings.extend(before_misplaced(issue));
    findings
}

/// Something of a resolution must remove the cause.
fn nothing_needed(cause: &Cause) -> Option<Finding> {
    let first = cause.resolution.first()?;
    let all = cause
        .resolution
        .iter()
        .all(|step| step.not_needed.is_some());
    all.then(|| {
        Finding::error(
            "needed-after-all",
            first.place.clone(),
            format!("every step of `{}` is said not to be needed", cause.name),
        )
        .note("`optional` or `guard` stands on each")
        .help("take it off the step that removes the cause; `mutate` tells which")
    })
}

/// What comes before the fault stands before it, and the fault is not left out.
fn before_misplaced(issue: &IssuePage) -> Vec<Finding> {
    let causes = issue.causes.iter();
    let late = causes.clone().flat_map(|cause| cause.drill_steps().1);
    let elsewhere = causes
        .clone()
        .flat_map(|cause| &cause.resolution)
        .chain(&issue.diagnosis)
        .chain(&issue.verification);
    let misplaced = late.chain(elsewhere).filter(|step| step.before);
    let alone = causes
        .filter(|cause| cause.drill_steps().1.is_empty())
        .filter_map(|cause| cause.drill.last());
    misplaced
        .chain(alone)
        .map(|step| {
            Finding::error(
                "before-misplaced",
                step.place.clone(),
                "`before` is for the first blocks of a drill, and a block without it must follow",
            )
            .help("put it first under *Drill*, before the block that induces the fault")
        })
        .collect()
}
