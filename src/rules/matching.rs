//! Alerts and pages: each alert has one page, each page's alerts exist, and links lead there.

use super::edit::{self, Wanted};
use super::{Alert, FileEdit, RuleFile};
use crate::finding::{Finding, nearest};
use crate::source::Place;
use std::collections::{BTreeMap, BTreeSet};

/// What a page's front matter says: this alert lands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertLink {
    /// The alert's name.
    pub alert: String,
    /// The whole address of the page, with its fragment.
    pub url: String,
    /// The alert's entry in the front matter.
    pub place: Place,
    /// Whether it leads somewhere: a link to an anchor that is not there is not written.
    pub leads: bool,
}

/// What may be done to links.
#[derive(Debug, Clone, Copy)]
pub struct Policy<'a> {
    /// The address of the published site; without it nobody knows the addresses of pages, so links
    /// are neither judged nor planned.
    pub base_url: Option<&'a str>,
    /// Whether a link that is not under `base_url`, so somebody else's, is replaced, too.
    pub replaces_foreign: bool,
}

/// How many alerting rules there are, and how many need no edit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Linked {
    /// Alerting rules whose link is the one of their page already.
    pub right: usize,
    /// All alerting rules.
    pub all: usize,
}

/// What must be written, what is wrong, and how many links are right as it is now.
pub fn plan(
    files: &[RuleFile],
    links: &[AlertLink],
    policy: Policy<'_>,
) -> (Vec<FileEdit>, Vec<Finding>, Linked) {
    let mut findings = unknown_alerts(files, links);
    findings.extend(named_twice(links));
    let mut pages: BTreeMap<&str, &AlertLink> = BTreeMap::new();
    for link in links {
        pages.entry(&link.alert).or_insert(link);
    }
    let mut edits = Vec::new();
    let mut linked = Linked::default();
    for file in files {
        let mut wanted = Vec::new();
        for alert in &file.alerts {
            linked.all += 1;
            let Some(link) = pages.get(alert.name.as_str()) else {
                findings.push(without_page(alert));
                continue;
            };
            match (&alert.runbook_url, policy.base_url) {
                (Some(old), _) if old.value == link.url => linked.right += 1,
                (_, None) => {}
                (Some(old), Some(base))
                    if !policy.replaces_foreign && !is_under(&old.value, base) =>
                {
                    findings.push(foreign(&alert.name, &old.value, &old.place, link));
                }
                _ if !link.leads => {}
                _ => wanted.push(Wanted {
                    alert,
                    url: Some(&link.url),
                }),
            }
        }
        if file.loads && !wanted.is_empty() {
            let (edit, refused) = edit::edit(file, &wanted);
            edits.extend(edit);
            findings.extend(refused);
        }
    }
    (edits, findings, linked)
}

/// The way back: every link of ours is taken out, and with `replaces_foreign` every link.
pub fn plan_removal(files: &[RuleFile], policy: Policy<'_>) -> (Vec<FileEdit>, Vec<Finding>) {
    let (mut edits, mut findings) = (Vec::new(), Vec::new());
    for file in files.iter().filter(|file| file.loads) {
        let is_ours = |alert: &&Alert| {
            let url = alert.runbook_url.as_ref().map(|url| url.value.as_str());
            let base = policy.base_url;
            url.is_some_and(|url| {
                policy.replaces_foreign || base.is_some_and(|base| is_under(url, base))
            })
        };
        let ours = file.alerts.iter().filter(is_ours);
        let wanted: Vec<_> = ours.map(|alert| Wanted { alert, url: None }).collect();
        if wanted.is_empty() {
            continue;
        }
        let (edit, refused) = edit::edit(file, &wanted);
        edits.extend(edit);
        findings.extend(refused);
    }
    (edits, findings)
}

/// Whether an address is the base or below it: `https://x/ab` is not below `https://x/a`.
pub(crate) fn is_under(url: &str, base: &str) -> bool {
    let base = base.trim_end_matches('/');
    url.strip_prefix(base)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
}

fn without_page(alert: &Alert) -> Finding {
    let title = format!("no page answers the alert `{}`", alert.name);
    Finding::error("alert-without-page", alert.place.clone(), title)
        .note("whoever it wakes finds nothing")
        .help(format!(
            "add `{}` to `alerts` in the front matter of its page",
            alert.name
        ))
}

fn foreign(alert: &str, url: &str, place: &Place, link: &AlertLink) -> Finding {
    let title = format!("the link of `{alert}` leads out of this book: `{url}`");
    Finding::error("foreign-runbook-url", place.clone(), title)
        .warning()
        .note("kept as it is")
        .related(link.place.clone(), "this page answers the alert")
        .help(
            "`mdbook-runbook alerts --force-foreign` writes ours; or take the alert out of the page's `alerts`",
        )
}

fn unknown_alerts(files: &[RuleFile], links: &[AlertLink]) -> Vec<Finding> {
    let read = files.iter().flat_map(|file| &file.alerts);
    let seen = files.iter().flat_map(|file| &file.names_by_sight);
    let known: BTreeSet<&str> = read
        .map(|alert| alert.name.as_str())
        .chain(seen.map(String::as_str))
        .collect();
    let mut findings = Vec::new();
    for link in links {
        if known.contains(link.alert.as_str()) {
            continue;
        }
        let help = match nearest(&link.alert, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "add the alert to a rule file, or take it out of the page's `alerts`".into(),
        };
        let title = format!("no rule file has an alert `{}`", link.alert);
        findings
            .push(Finding::error("page-names-unknown-alert", link.place.clone(), title).help(help));
    }
    findings
}

fn named_twice(links: &[AlertLink]) -> Vec<Finding> {
    let mut first: BTreeMap<&str, &AlertLink> = BTreeMap::new();
    let mut findings = Vec::new();
    for link in links {
        let Some(other) = first.get(link.alert.as_str()) else {
            first.insert(&link.alert, link);
            continue;
        };
        let title = format!("the alert `{}` is named twice", link.alert);
        findings.push(
            Finding::error("alert-on-two-pages", link.place.clone(), title)
                .related(other.place.clone(), "first here; its page gets the link")
                .help("name it once in `alerts`: an alert lands on one page"),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceFile;

    const BASE: &str = "https://r.example/";

    const OURS: Policy<'_> = Policy {
        base_url: Some(BASE),
        replaces_foreign: false,
    };

    fn link(alert: &str, page: &str) -> AlertLink {
        let file = SourceFile::new(format!("{page}.md"), format!("alerts: [{alert}]\n"));
        AlertLink {
            alert: alert.to_owned(),
            url: format!("{BASE}{page}.html"),
            place: Place::new(&file, 9..9 + alert.len()),
            leads: true,
        }
    }

    fn file(alerts: &[(&str, &str)]) -> RuleFile {
        let mut text = "groups:\n- name: g\n  rules:\n".to_owned();
        for (name, url) in alerts {
            text += &format!("  - alert: {name}\n    expr: up\n");
            if !url.is_empty() {
                text += &format!("    annotations:\n      runbook_url: {url}\n");
            }
        }
        let (file, findings) = RuleFile::parse(&SourceFile::new("a.yml", text));
        assert_eq!(findings, []);
        file
    }

    fn checks(findings: &[Finding]) -> Vec<String> {
        findings
            .iter()
            .map(|one| format!("{} {} {}", one.check, one.locator(), one.help))
            .collect()
    }

    #[test]
    fn an_alert_without_page_names_the_front_matter_key() {
        let (edits, findings, linked) = plan(&[file(&[("Down", "")])], &[], OURS);
        let help = "add `Down` to `alerts` in the front matter of its page";
        assert_eq!(
            checks(&findings),
            [format!("alert-without-page a.yml:4:12 {help}")]
        );
        assert!(edits.is_empty());
        assert_eq!(linked, Linked { right: 0, all: 1 });
    }

    #[test]
    fn a_page_with_a_misspelt_alert_is_told_the_nearest() {
        let links = [link("Down", "a"), link("Dwon", "b")];
        let (_, findings, _) = plan(&[file(&[("Down", "")])], &links, OURS);
        assert_eq!(
            checks(&findings),
            ["page-names-unknown-alert b.md:1:10 did you mean `Down`?"]
        );
    }

    #[test]
    fn an_alert_on_two_pages_lands_on_the_first() {
        let links = [link("Down", "a"), link("Down", "b")];
        let (edits, findings, _) = plan(&[file(&[("Down", "")])], &links, OURS);
        assert_eq!(findings[0].check, "alert-on-two-pages");
        assert_eq!(findings[0].locator(), "b.md:1:10");
        assert!(edits[0].new_text.contains("'https://r.example/a.html'"));
    }

    #[test]
    fn a_foreign_link_is_kept_and_ours_is_replaced() {
        let alerts = [
            ("A", "https://r.example.evil/x"),
            ("B", "https://r.example/old.html#x"),
            ("C", "https://r.example/c.html"),
        ];
        let links = [link("A", "a"), link("B", "b"), link("C", "c")];
        let (edits, findings, linked) = plan(&[file(&alerts)], &links, OURS);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].check, "foreign-runbook-url");
        assert_eq!(findings[0].locator(), "a.yml:7:20");
        assert_eq!(edits[0].n_changed, 1);
        assert!(
            edits[0]
                .new_text
                .contains("url: 'https://r.example/b.html'\n")
        );
        assert_eq!(linked, Linked { right: 1, all: 3 });
    }

    #[test]
    fn without_a_base_url_names_are_checked_and_nothing_is_written() {
        let links = [link("A", "a"), link("Z", "z")];
        let (edits, findings, _) = plan(
            &[file(&[("A", "x"), ("B", "")])],
            &links,
            Policy {
                base_url: None,
                ..OURS
            },
        );
        assert!(edits.is_empty());
        assert_eq!(findings[0].check, "page-names-unknown-alert");
        assert_eq!(findings[1].check, "alert-without-page");
        assert_eq!(findings.len(), 2);
    }

    #[test]
    fn rules_of_one_name_all_get_the_link() {
        let files = [file(&[("A", ""), ("A", "")]), file(&[("A", "")])];
        let (edits, findings, _) = plan(&files, &[link("A", "a")], OURS);
        assert_eq!(findings, []);
        let n_changed: Vec<_> = edits.iter().map(|edit| edit.n_changed).collect();
        assert_eq!(n_changed, [2, 1]);
    }
}
