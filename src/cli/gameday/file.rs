//! What is filed of a game day: the record and the incident report.

use super::super::CliError;
use super::super::args::GamedayArgs;
use super::super::open::Opened;
use super::millis;
use crate::fs_write;
use crate::gameday::{At, Candidate, Files, Journal, Record, State, fill, template};
use crate::page::Step;
use crate::run::Judgement;
use std::path::PathBuf;

/// How it ended.
pub(super) struct Ended<'a> {
    pub(super) state: &'a State,
    pub(super) candidate: &'a Candidate,
    /// When the shell was left.
    pub(super) left: At,
    pub(super) judgement: Judgement,
}

/// The record of it, with all that the journal holds.
pub(super) fn record(
    ended: Ended<'_>,
    args: &GamedayArgs,
    journal: &Journal,
) -> Result<Record, CliError> {
    let (state, candidate) = (ended.state, ended.candidate);
    let judgement = ended.judgement;
    let front_matter = &candidate.page.front_matter;
    let judged = judgement.wrong.is_none().then(|| judgement.at.into());
    let record = Record {
        schema: Record::schema(),
        issue: candidate.issue().number,
        page: candidate.page.path.display().to_string(),
        title: candidate.page.title().to_owned(),
        severity: front_matter.severity.clone(),
        alerts: front_matter.alerts.iter().map(|a| a.name.clone()).collect(),
        cause: state.cause.clone(),
        announced: state.announced,
        operator: operator(args),
        induced: state.induced,
        left: ended.left,
        recovered: None,
        target_ms: millis(candidate.issue().resolve_within),
        wrong: judgement.wrong,
        verification: judgement.transcript,
        data: judgement.data,
        events: journal.read().map_err(CliError::Journal)?,
    };
    Ok(record.recovered_by(judged))
}

fn operator(args: &GamedayArgs) -> String {
    let from = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let named = args.operator.clone().or_else(|| from("SUDO_USER"));
    let named = named.or_else(|| from("USER")).or_else(|| from("LOGNAME"));
    named.unwrap_or_else(|| "unknown".to_owned())
}

/// The record and the report, each whole or not at all; where the report is.
pub(super) fn write(
    record: &Record,
    opened: &Opened,
    args: &GamedayArgs,
    files: &Files,
) -> Result<PathBuf, CliError> {
    let dir = files.ended();
    std::fs::create_dir_all(&dir).map_err(|source| CliError::Write {
        path: dir.clone(),
        source,
    })?;
    // Colons are no part of a file name everywhere.
    let name = record.induced.to_string().replace(':', "-");
    let report = args
        .report
        .clone()
        .unwrap_or_else(|| dir.join(format!("{name}.md")));
    let resolution = |line: &str| {
        let issues = opened.pages.iter().filter_map(|page| page.issue.as_ref());
        let causes = issues.flat_map(|issue| {
            let causes = issue.causes.iter();
            causes.map(move |cause| (issue, cause))
        });
        let is_in = |steps: &[Step]| {
            let mut lines = steps.iter().flat_map(|step| step.code.lines());
            lines.any(|of_step| of_step.trim() == line)
        };
        let mut own = causes.map(|(issue, cause)| {
            is_in(&cause.resolution) && !is_in(&issue.diagnosis) && !is_in(&issue.verification)
        });
        !line.is_empty() && own.any(|is| is)
    };
    let text = fill(template(&opened.pages), record, resolution);
    fs_write::write(&report, text.as_bytes())?;
    let json = serde_json::to_vec_pretty(record).unwrap_or_default();
    fs_write::write(&dir.join(format!("{name}.json")), &json)?;
    Ok(report)
}
