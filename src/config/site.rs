//! `redirects` and `often`: what the site has beside its chapters.

use crate::finding::Finding;
use crate::source::{Place, SourceFile};
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// An address that the book once had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// The file in the built site.
    pub from: PathBuf,
    /// The page that it leads to, in the built site.
    pub to: PathBuf,
    /// The anchor on that page.
    pub anchor: Option<String>,
    /// Its line in `book.toml`.
    pub place: Place,
}

/// Reads the table `redirects`, in the order of its keys.
pub(super) fn redirects(
    file: &Arc<SourceFile>,
    raw: &BTreeMap<String, String>,
) -> Result<Vec<Redirect>, Finding> {
    raw.iter()
        .map(|(from, to)| {
            let place = place(file, from);
            let (page, anchor) = match to.split_once('#') {
                Some((page, anchor)) => (page, Some(anchor.to_owned())),
                None => (to.as_str(), None),
            };
            match (inside(from), inside(page)) {
                (Some(from), Some(to)) => Ok(Redirect {
                    from,
                    to,
                    anchor,
                    place,
                }),
                _ => Err(Finding::error(
                    "config",
                    place,
                    format!("`{from}` cannot lead to `{to}`"),
                )
                .help("write both as pages of the site, such as `\"/old.html\" = \"issues/new.html#cause\"`")),
            }
        })
        .collect()
}

/// An address within the site as a file of it; a folder stands for its `index.html`.
fn inside(address: &str) -> Option<PathBuf> {
    let path = Path::new(address.trim_start_matches('/'));
    let is_inside = path
        .components()
        .all(|it| matches!(it, Component::Normal(_)));
    let plain = is_inside && !address.starts_with("//") && !address.contains(['?', '#', ':', '\\']);
    let path = if address.ends_with('/') {
        path.join("index.html")
    } else {
        path.to_owned()
    };
    (plain && path.extension().is_some_and(|it| it == "html")).then_some(path)
}

fn place(file: &Arc<SourceFile>, key: &str) -> Place {
    let quoted = format!("\"{key}\"");
    let at = file.text().find(&quoted).unwrap_or(0);
    let len = if file.text()[at..].starts_with(&quoted) {
        quoted.len()
    } else {
        0
    };
    Place::new(file, at..at + len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_within_the_site() {
        let case = |address: &str| inside(address).map(|path| path.display().to_string());
        assert_eq!(case("/old.html").as_deref(), Some("old.html"));
        assert_eq!(case("a/b/").as_deref(), Some("a/b/index.html"));
        for outside in [
            "",
            "/",
            "../a.html",
            "//x/a.html",
            "https://x/a.html",
            "a.html?b",
            "a.js",
        ] {
            let expected = (outside == "/").then(|| "index.html".to_owned());
            assert_eq!(case(outside), expected, "{outside}");
        }
    }
}
