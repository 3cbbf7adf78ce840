//! `runbook_url` written into a rule file: by splicing text at the parser's places, then proving
//! by a second parse that nothing else has changed.

use super::FileEdit;
use super::document::{Alert, RuleFile, rules};
use super::yaml::{self, Kind, Node};
use crate::finding::Finding;
use crate::source::Place;
use similar::TextDiff;
use std::ops::Range;

const KEY: &str = "runbook_url";

/// The file with every wanted link, or why it cannot be edited safely.
pub(super) fn edit(file: &RuleFile, wanted: &[(&Alert, &str)]) -> Result<FileEdit, Vec<Finding>> {
    let old = file.file.text();
    let mut splices: Vec<(Range<usize>, String)> = Vec::new();
    let mut findings = Vec::new();
    for (alert, url) in wanted {
        let rule = file
            .root
            .iter()
            .flat_map(rules)
            .find(|rule| rule.span.start == alert.at);
        match rule.map(|rule| splice(old, rule, url)) {
            Some(Ok(splice)) => splices.push(splice),
            Some(Err(why)) => findings.push(refuse(alert, why)),
            None => findings.push(refuse(alert, "its rule is not where it was")),
        }
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    splices.sort_by_key(|(range, _)| range.start);
    let mut new = old.to_owned();
    for (range, text) in splices.into_iter().rev() {
        new.replace_range(range, &text);
    }
    if !only_links_differ(file.root.as_ref(), &new, wanted) {
        return Err(vec![refuse(
            wanted[0].0,
            "an edit would change more than the link",
        )]);
    }
    Ok(FileEdit {
        path: file.file.path().to_owned(),
        stale: stale(wanted, old, &new),
        old: old.to_owned(),
        new,
    })
}

fn refuse(alert: &Alert, why: &str) -> Finding {
    Finding::error(
        "rule-file-not-editable",
        alert.place.clone(),
        format!("the link of `{}` cannot be written here", alert.name),
    )
    .note(why)
    .help("write the annotation by hand, in block style and without YAML anchors")
}

fn stale(wanted: &[(&Alert, &str)], old: &str, new: &str) -> Finding {
    let (alert, _) = wanted[0];
    let place: Place = alert
        .runbook_url
        .as_ref()
        .map_or_else(|| alert.place.clone(), |(_, place)| place.clone());
    let title = match wanted.len() {
        1 => format!(
            "the `runbook_url` of `{}` is not as its page says",
            alert.name
        ),
        n => format!(
            "the `runbook_url` of `{}` and {} more is not as the pages say",
            alert.name,
            n - 1
        ),
    };
    Finding::error("runbook-url-stale", place, title)
        .detail(
            TextDiff::from_lines(old, new)
                .unified_diff()
                .context_radius(1)
                .to_string(),
        )
        .help("run `mdbook-runbook alerts`")
}

/// The one replacement that gives `rule` its link.
fn splice(text: &str, rule: &Node, url: &str) -> Result<(Range<usize>, String), &'static str> {
    let value = format!("'{}'", url.replace('\'', "''"));
    let Some((key, annotations)) = rule.pair("annotations") else {
        return after_rule(text, rule, &value);
    };
    if let Some(link) = annotations.get(KEY) {
        if link.is_anchored || link.kind == Kind::Alias {
            return Err("its value is shared through a YAML anchor");
        }
        return Ok((scalar_span(text, link), value));
    }
    if annotations.is_anchored {
        return Err("its annotations carry a YAML anchor, so others would change too");
    }
    match &annotations.kind {
        Kind::Alias => Err("its annotations are an alias of another rule's"),
        Kind::Scalar { .. } if annotations.is_null() => {
            let indent = column(text, key.span.start).ok_or("tabs or text stand before its key")?;
            let line = format!("{}{}{KEY}: {value}", newline(text), " ".repeat(indent + 2));
            Ok((
                key.span.end + 1..annotations.span.end.max(key.span.end + 1),
                line,
            ))
        }
        Kind::Map {
            pairs,
            is_block: false,
        } => {
            let at = annotations.span.start + 1;
            let comma = if pairs.is_empty() { "" } else { ", " };
            Ok((at..at, format!("{KEY}: {value}{comma}")))
        }
        Kind::Map {
            pairs,
            is_block: true,
        } => {
            if pairs.iter().any(|(key, _)| key.scalar() == Some("<<")) {
                return Err("its annotations are merged from another rule's");
            }
            let first = pairs
                .first()
                .map_or(annotations.span.start, |(key, _)| key.span.start);
            let start = text[..first].rfind('\n').map_or(0, |at| at + 1);
            if !text[start..first].trim().is_empty() {
                return Err("its first annotation does not begin its line");
            }
            let line = format!("{}{KEY}: {value}{}", &text[start..first], newline(text));
            Ok((start..start, line))
        }
        _ => Err("its annotations are no mapping"),
    }
}

/// The bytes of a scalar without what follows it on the line.
fn scalar_span(text: &str, node: &Node) -> Range<usize> {
    let end = node.span.start + text[node.span.clone()].trim_end().len();
    node.span.start..end
}

/// A new `annotations` mapping below the rule's last line.
fn after_rule(
    text: &str,
    rule: &Node,
    value: &str,
) -> Result<(Range<usize>, String), &'static str> {
    if !matches!(rule.kind, Kind::Map { is_block: true, .. }) {
        return Err("the rule is written in flow style");
    }
    if rule.pair("<<").is_some() {
        return Err("the rule is merged from another one");
    }
    let key = rule
        .pairs()
        .first()
        .map(|(key, _)| key.span.start)
        .ok_or("the rule is empty")?;
    let start = text[..key].rfind('\n').map_or(0, |at| at + 1);
    let lead = &text[start..key];
    if lead.contains('\t') {
        return Err("a tab stands before its first key");
    }
    let indent = " ".repeat(lead.chars().count());
    let end = rule.span.start + text[rule.span.clone()].trim_end().len();
    let at = text[end..].find('\n').map_or(text.len(), |n| end + n);
    let at = at - usize::from(text[..at].ends_with('\r'));
    let newline = newline(text);
    let lines = format!("{newline}{indent}annotations:{newline}{indent}  {KEY}: {value}");
    Ok((at..at, lines))
}

fn column(text: &str, at: usize) -> Option<usize> {
    let start = text[..at].rfind('\n').map_or(0, |at| at + 1);
    let lead = text[start..at].trim_start_matches('\u{feff}');
    (!lead.contains('\t')).then(|| lead.chars().count())
}

fn newline(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// Data without places, for comparison.
#[derive(Debug, PartialEq)]
enum Data {
    Text(String),
    Map(Vec<(Data, Data)>),
    List(Vec<Data>),
    Alias,
}

fn data(node: &Node) -> Data {
    match &node.kind {
        Kind::Scalar { value, .. } => Data::Text(value.clone()),
        Kind::Map { pairs, .. } => Data::Map(
            pairs
                .iter()
                .map(|(key, value)| (data(key), data(value)))
                .collect(),
        ),
        Kind::List { items } => Data::List(items.iter().map(data).collect()),
        Kind::Alias => Data::Alias,
    }
}

/// Rules in order, without their links; the links apart.
fn without_links(root: &Node) -> (Data, Vec<Option<String>>) {
    let mut whole = root.clone();
    let links = rules(root)
        .map(|rule| {
            rule.get("annotations")?
                .get(KEY)?
                .scalar()
                .map(str::to_owned)
        })
        .collect();
    strip(&mut whole);
    (data(&whole), links)
}

/// Removes every `runbook_url`, and annotations that are then empty, null or absent alike.
fn strip(node: &mut Node) {
    match &mut node.kind {
        Kind::Map { pairs, .. } => {
            pairs.retain(|(key, _)| key.scalar() != Some(KEY));
            for (_, value) in pairs.iter_mut() {
                strip(value);
            }
            pairs.retain(|(key, value)| {
                let empty = value.is_null()
                    || matches!(&value.kind, Kind::Map { pairs, .. } if pairs.is_empty());
                key.scalar() != Some("annotations") || !empty
            });
        }
        Kind::List { items } => items.iter_mut().for_each(strip),
        _ => {}
    }
}

fn only_links_differ(old: Option<&Node>, new: &str, wanted: &[(&Alert, &str)]) -> bool {
    let (Some(old), Ok(Some(new))) = (old, yaml::parse(new)) else {
        return false;
    };
    let (old_data, mut old_links) = without_links(old);
    let (new_data, new_links) = without_links(&new);
    for (index, rule) in rules(old).enumerate() {
        let link = wanted.iter().find(|(alert, _)| alert.at == rule.span.start);
        if let Some((_, url)) = link {
            old_links[index] = Some((*url).to_owned());
        }
    }
    old_data == new_data && old_links == new_links
}
