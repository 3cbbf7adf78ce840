//! Grafana dashboards: their panels with what they ask for, and the links of all.
//!
//! Both forms are read: `panels`, also in rows, and `spec.elements` of the second schema.

mod variables;

pub use variables::without_variables;

use crate::finding::Finding;
use crate::source::{Place, SourceFile};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// One dashboard.
#[derive(Debug, Clone)]
pub struct Dashboard {
    /// Its file.
    pub file: Arc<SourceFile>,
    /// Its title.
    pub title: String,
    /// Its id for links.
    pub uid: Option<String>,
    /// Its panels, those in rows too.
    pub panels: Vec<Panel>,
    /// Queries that belong to no panel: of variables and annotations.
    pub others: Vec<Query>,
    /// Every address that stands anywhere in it, each once.
    pub addresses: Vec<String>,
    /// The names of its variables.
    pub variables: BTreeSet<String>,
}

/// One panel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panel {
    /// Its title.
    pub title: String,
    /// Its number, unique within the dashboard.
    pub id: Option<i64>,
    /// What it asks for.
    pub queries: Vec<Query>,
}

/// A query for Prometheus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// As it stands in the dashboard.
    pub text: String,
    /// The label whose values it asks for, where it is a variable's `label_values(…, label)`.
    pub label: Option<String>,
}

impl Dashboard {
    /// Reads a file; the finding says why it is no dashboard.
    pub fn parse(file: &Arc<SourceFile>) -> Result<Self, Box<Finding>> {
        let json: Value = serde_json::from_str(file.text()).map_err(|error| {
            let line = error.line().max(1);
            let finding = Finding::error(
                "dashboard-invalid",
                Place::line_of(file, line),
                "this dashboard is no JSON",
            );
            finding.note(error.to_string()).help("export it anew")
        })?;
        // What Grafana's own interface answers has it in a field.
        let json = json.get("dashboard").unwrap_or(&json);
        let spec = json.get("spec").unwrap_or(json);
        let Some(title) = text(spec, "title").filter(|title| !title.is_empty()) else {
            let finding = Finding::error_in(
                "dashboard-invalid",
                file.path(),
                "this is no dashboard: it has no `title`",
            );
            return Err(Box::new(
                finding.help("export it anew, or correct `dashboards` in book.toml"),
            ));
        };
        let mut dashboard = Self {
            file: Arc::clone(file),
            title: title.to_owned(),
            uid: text(json, "uid")
                .or_else(|| text(json.get("metadata")?, "name"))
                .map(str::to_owned),
            panels: Vec::new(),
            others: Vec::new(),
            addresses: Vec::new(),
            variables: BTreeSet::new(),
        };
        dashboard.read_variables(spec);
        for annotation in list(spec.get("annotations"), "list") {
            dashboard.others.extend(queries(annotation));
        }
        collect_panels(spec.get("panels"), &mut dashboard.panels);
        if let Some(Value::Object(elements)) = spec.get("elements") {
            dashboard.panels.extend(elements.values().map(panel));
        }
        collect_addresses(json, &mut dashboard.addresses);
        Ok(dashboard)
    }

    fn read_variables(&mut self, spec: &Value) {
        let second = spec.get("variables").and_then(Value::as_array);
        let second = second.into_iter().flatten().filter_map(|it| it.get("spec"));
        for variable in list(spec.get("templating"), "list").chain(second) {
            self.variables
                .extend(text(variable, "name").map(str::to_owned));
            let query = variable.get("query");
            let asked = query
                .and_then(Value::as_str)
                .or_else(|| text(query?, "query"))
                .or_else(|| text(query?.get("spec")?, "query"));
            self.others.extend(asked.and_then(of_variable));
        }
    }

    /// All queries, with the panel of each.
    pub fn queries(&self) -> impl Iterator<Item = (Option<&Panel>, &Query)> {
        let of_panels = self
            .panels
            .iter()
            .flat_map(|panel| panel.queries.iter().map(move |query| (Some(panel), query)));
        of_panels.chain(self.others.iter().map(|query| (None, query)))
    }

    /// A finding about a text of this file: at its place if that can be found.
    pub fn finding(&self, check: &'static str, about: &str, title: String) -> Finding {
        match self.place(about) {
            Some(place) => Finding::error(check, place, title),
            None => Finding::error_in(check, self.file.path(), title),
        }
    }

    /// Where a string stands in the file. Grafana escapes more than it must.
    fn place(&self, about: &str) -> Option<Place> {
        let quoted = serde_json::to_string(about).ok()?;
        let inside = quoted[1..quoted.len() - 1].to_owned();
        let escaped = inside
            .replace('<', "\\u003c")
            .replace('>', "\\u003e")
            .replace('&', "\\u0026");
        [inside, escaped].iter().find_map(|text| {
            let start = self.file.text().find(text.as_str())?;
            Some(Place::new(&self.file, start..start + text.len()))
        })
    }
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

fn list<'a>(value: Option<&'a Value>, key: &str) -> impl Iterator<Item = &'a Value> {
    value
        .and_then(|value| value.get(key))
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn collect_panels(panels: Option<&Value>, found: &mut Vec<Panel>) {
    for one in panels.and_then(Value::as_array).into_iter().flatten() {
        if text(one, "type") != Some("row") {
            found.push(panel(one));
        }
        collect_panels(one.get("panels"), found);
    }
}

fn panel(value: &Value) -> Panel {
    let inner = value.get("spec").unwrap_or(value);
    Panel {
        title: text(inner, "title").unwrap_or_default().to_owned(),
        id: inner.get("id").and_then(Value::as_i64),
        queries: queries(inner),
    }
}

/// Sources of logs, whose `expr` is no `PromQL`.
const OTHER_LANGUAGES: &[&str] = &["loki", "victoriametrics-logs-datasource"];

/// Every `expr` below `value` that is `PromQL` as far as is known.
fn queries(value: &Value) -> Vec<Query> {
    let mut found = Vec::new();
    collect_queries(value, &mut found);
    found
}

fn collect_queries(value: &Value, found: &mut Vec<Query>) {
    match value {
        Value::Object(fields) => {
            // The first schema names the source in `datasource`, the second in `group` or `kind`.
            let of = fields.get("datasource").and_then(|it| text(it, "type"));
            let kinds = [of, text(value, "group"), text(value, "kind")];
            if kinds
                .iter()
                .flatten()
                .any(|it| OTHER_LANGUAGES.contains(it))
            {
                return;
            }
            if let Some(expr) = text(value, "expr").filter(|expr| !expr.trim().is_empty()) {
                found.push(Query {
                    text: expr.to_owned(),
                    label: None,
                });
            }
            for (key, value) in fields {
                if key != "panels" {
                    collect_queries(value, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_queries(item, found)),
        _ => {}
    }
}

/// The query of a variable: `label_values(series, label)`, `query_result(expression)`.
fn of_variable(text: &str) -> Option<Query> {
    let inside = |name: &str| {
        let rest = text.trim().strip_prefix(name)?.trim_start();
        rest.strip_prefix('(')?.strip_suffix(')')
    };
    if let Some(expr) = inside("query_result") {
        return Some(Query {
            text: expr.trim().to_owned(),
            label: None,
        });
    }
    // With one argument it asks for a label of anything.
    let (expr, label) = inside("label_values")?.rsplit_once(',')?;
    Some(Query {
        text: expr.trim().to_owned(),
        label: Some(label.trim().to_owned()),
    })
}

/// Every `http(s)://…` of every string, in the order of the file.
fn collect_addresses(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            let mut rest = text.as_str();
            while let Some(start) = rest.find("http") {
                let address = address(&rest[start..]);
                if address.contains("://") && !found.iter().any(|known| known == address) {
                    found.push(address.to_owned());
                }
                rest = &rest[start + address.len().max(4)..];
            }
        }
        Value::Array(items) => items.iter().for_each(|it| collect_addresses(it, found)),
        Value::Object(fields) => fields.values().for_each(|it| collect_addresses(it, found)),
        _ => {}
    }
}

/// The address that `text` begins with, up to what may not stand in one. A `${…}` may hold anything.
fn address(text: &str) -> &str {
    let mut inside = false;
    let end = text.char_indices().find(|(at, c)| {
        match c {
            '{' if text[..*at].ends_with('$') => inside = true,
            '}' => inside = false,
            _ => {}
        }
        !inside && (c.is_whitespace() || "\"'()<>[]`|\\".contains(*c))
    });
    text[..end.map_or(text.len(), |(at, _)| at)].trim_end_matches(['.', ',', ';', ':'])
}

/// Reads every file that matches a glob, each relative to `root`.
pub fn load(root: &Path, globs: &[String]) -> (Vec<Dashboard>, Vec<Finding>) {
    let mut findings = Vec::new();
    let mut dashboards = Vec::new();
    for glob in globs {
        let paths = crate::rules::paths(root, glob);
        if paths.is_empty() {
            let title = format!("no dashboard matches `{glob}`");
            findings.push(
                Finding::error_in("dashboard-invalid", root.join(glob), title).help(
                    "correct `dashboards` in book.toml; its paths begin at the book's folder",
                ),
            );
        }
        for path in paths {
            match std::fs::read_to_string(&path) {
                Ok(text) => match Dashboard::parse(&SourceFile::new(path, text)) {
                    Ok(dashboard) => dashboards.push(dashboard),
                    Err(finding) => findings.push(*finding),
                },
                Err(error) => findings.push(
                    Finding::error_in("dashboard-invalid", path, "cannot read this dashboard")
                        .note(error.to_string())
                        .help("make it a UTF-8 text that this user may read"),
                ),
            }
        }
    }
    findings.extend(twice(&dashboards));
    (dashboards, findings)
}

/// Numbers of panels and ids of dashboards that stand twice: the second is lost without a word.
fn twice(dashboards: &[Dashboard]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut uids = BTreeSet::new();
    for dashboard in dashboards {
        let mut complain = |about: &str, title: String| {
            let finding = dashboard.finding("dashboard-invalid", about, title);
            findings.push(finding.help("give each its own"));
        };
        if let Some(uid) = &dashboard.uid
            && !uids.insert(uid)
        {
            complain(uid, format!("the uid `{uid}` is another dashboard's too"));
        }
        let mut ids = BTreeSet::new();
        for panel in &dashboard.panels {
            if let Some(id) = panel.id
                && !ids.insert(id)
            {
                let title = format!("two panels have the id {id}: here `{}`", panel.title);
                complain(&panel.title, title);
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Dashboard {
        Dashboard::parse(&SourceFile::new("d.json", text)).unwrap()
    }

    fn texts(queries: &[Query]) -> Vec<&str> {
        queries.iter().map(|query| query.text.as_str()).collect()
    }

    #[test]
    fn panels_of_rows_variables_and_annotations_are_read() {
        let dashboard = parse(
            r#"{"title":"T","uid":"u","templating":{"list":[{"name":"space","query":{"query":"label_values(a{x=\"1,2\"}, space)"}}]},
            "annotations":{"list":[{"expr":"ALERTS{x=\"y\"}"}]},
            "panels":[{"id":1,"title":"P","targets":[{"expr":"a > 1"},{"expr":" "}]},
            {"id":2,"type":"row","title":"R","panels":[{"id":3,"title":"Q","targets":[{"expr":"b"}]}]},
            {"id":4,"title":"L","datasource":{"type":"loki"},"targets":[{"expr":"{job=\"x\"} |= \"y\""}]}]}"#,
        );
        let panels: Vec<_> = dashboard
            .panels
            .iter()
            .map(|p| (p.title.as_str(), texts(&p.queries)))
            .collect();
        assert_eq!(
            panels,
            [("P", vec!["a > 1"]), ("Q", vec!["b"]), ("L", vec![])]
        );
        assert_eq!(
            texts(&dashboard.others),
            ["a{x=\"1,2\"}", "ALERTS{x=\"y\"}"]
        );
        assert_eq!(dashboard.others[0].label.as_deref(), Some("space"));
        assert!(dashboard.variables.contains("space"));
        let at = dashboard.finding("dashboard-invalid", "a > 1", String::new());
        assert_eq!(at.locator(), "d.json:3:63");
    }

    #[test]
    fn the_second_schema_is_read() {
        let dashboard = parse(
            r#"{"metadata":{"name":"u"},"spec":{"title":"T","variables":[{"kind":"QueryVariable","spec":{"name":"v"}}],"elements":{"panel-1":
            {"kind":"Panel","spec":{"id":1,"title":"P","data":{"spec":{"queries":[{"spec":{"query":{"group":"prometheus","spec":{"expr":"a"}}}},
            {"spec":{"query":{"group":"loki","spec":{"expr":"b"}}}}]}},"vizConfig":{"group":"timeseries","spec":{}}}}}}}"#,
        );
        assert_eq!(dashboard.uid.as_deref(), Some("u"));
        assert_eq!(texts(&dashboard.panels[0].queries), ["a"]);
        assert!(dashboard.variables.contains("v"));
    }

    #[test]
    fn addresses_are_found_in_any_string() {
        let dashboard = parse(
            r#"{"title":"T","links":[{"url":"https://r.example/a.html?s=${x y}#b"}],
            "panels":[{"description":"See [this](https://r.example/c.html#d), or http://o.example."}]}"#,
        );
        assert_eq!(
            dashboard.addresses,
            [
                "https://r.example/a.html?s=${x y}#b",
                "https://r.example/c.html#d",
                "http://o.example"
            ]
        );
    }

    #[test]
    fn what_is_no_dashboard_is_told() {
        for (text, title) in [
            ("{", "this dashboard is no JSON"),
            ("[]", "this is no dashboard: it has no `title`"),
            ("{\"panels\":[]}", "this is no dashboard: it has no `title`"),
        ] {
            let finding = Dashboard::parse(&SourceFile::new("d.json", text)).unwrap_err();
            assert_eq!(finding.title, title);
        }
        let same =
            r#"{"title":"T","uid":"u","panels":[{"id":1,"title":"A"},{"id":1,"title":"B"}]}"#;
        let titles: Vec<_> = twice(&[parse(same), parse(same)])
            .into_iter()
            .map(|f| f.title)
            .collect();
        assert_eq!(titles.len(), 3, "{titles:?}");
    }
}
