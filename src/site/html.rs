//! The built site, read back: which ids and links each page really has.
//!
//! mdBook's way of making ids is its own, and changes; what the reader gets is what counts.

use super::SiteError;
use crate::page::html_path;
use scraper::{Html, Selector};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// A link of a page's own text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HtmlLink {
    /// As it stands in the page.
    pub href: String,
    /// The page or file that it leads to, relative to the site's root.
    pub to: PathBuf,
    /// The part after `#`, decoded; `None` where there is none or an empty one.
    pub fragment: Option<String>,
}

/// What one page has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HtmlPage {
    /// How often each id occurs.
    pub ids: BTreeMap<String, usize>,
    /// Links inside `<main>`, without those of headings to themselves.
    pub links: Vec<HtmlLink>,
}

/// All chapters of the built site.
#[derive(Debug, Clone, Default)]
pub struct Site {
    root: PathBuf,
    front: PathBuf,
    pages: BTreeMap<PathBuf, HtmlPage>,
}

impl Site {
    /// Reads the chapters whose Markdown paths are `chapters`, in the order of the book.
    pub fn read(root: &Path, chapters: &[&Path]) -> Result<Self, SiteError> {
        let mut pages = BTreeMap::new();
        for chapter in chapters {
            let path = html_path(chapter);
            let file = root.join(&path);
            let text = std::fs::read_to_string(&file)
                .map_err(|source| SiteError::Read { path: file, source })?;
            pages.insert(path.clone(), read_page(&text, &path));
        }
        Ok(Self {
            root: root.to_owned(),
            front: chapters.first().map(|c| html_path(c)).unwrap_or_default(),
            pages,
        })
    }

    /// Reads a page that is no chapter too, where the site has it.
    #[must_use]
    pub fn also(mut self, path: &str) -> Self {
        if let Ok(text) = std::fs::read_to_string(self.root.join(path)) {
            let path = PathBuf::from(path);
            self.pages.insert(path.clone(), read_page(&text, &path));
        }
        self
    }

    /// The first chapter, which mdBook also writes as `index.html`.
    pub fn front(&self) -> &Path {
        &self.front
    }

    /// The page at `path`; `index.html` is the first chapter.
    pub fn page(&self, path: &Path) -> Option<(&Path, &HtmlPage)> {
        let path = if path == Path::new("index.html") || path == Path::new("") {
            &self.front
        } else {
            path
        };
        self.pages
            .get_key_value(path)
            .map(|(path, page)| (path.as_path(), page))
    }

    /// All pages in the order of their paths.
    pub fn pages(&self) -> impl Iterator<Item = (&Path, &HtmlPage)> {
        self.pages.iter().map(|(path, page)| (path.as_path(), page))
    }

    /// Whether the site has a file at `path`, page or not.
    pub fn has_file(&self, path: &Path) -> bool {
        self.page(path).is_some() || self.root.join(path).exists()
    }
}

fn selector(text: &str) -> Selector {
    Selector::parse(text).expect("the selector is a constant of ours")
}

/// Reads one page below `root`, chapter or not; `None` if it cannot be read.
pub fn read_file(root: &Path, path: &Path) -> Option<HtmlPage> {
    let text = std::fs::read_to_string(root.join(path)).ok()?;
    Some(read_page(&text, path))
}

/// The text of every code block of a page below `root`.
pub fn code_blocks(root: &Path, path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(root.join(path)).unwrap_or_default();
    let html = Html::parse_document(&text);
    html.select(&selector("main pre > code"))
        .map(|code| code.text().collect())
        .collect()
}

fn read_page(text: &str, path: &Path) -> HtmlPage {
    let html = Html::parse_document(text);
    let mut ids = BTreeMap::new();
    for element in html.select(&selector("[id]")) {
        let id = element.attr("id").unwrap_or_default().to_owned();
        *ids.entry(id).or_insert(0) += 1;
    }
    let mut links = BTreeSet::new();
    for element in html.select(&selector("main a[href]")) {
        let own = element.attr("class").unwrap_or_default();
        let href = element.attr("href").unwrap_or_default();
        if !own.split_whitespace().any(|class| class == "header")
            && let Some(link) = resolve(href, path)
        {
            links.insert(link);
        }
    }
    HtmlPage {
        ids,
        links: links.into_iter().collect(),
    }
}

/// Where `href` on the page `from` leads within the site; `None` if it leaves it.
pub fn resolve(href: &str, from: &Path) -> Option<HtmlLink> {
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let external = href
        .split_once(':')
        .is_some_and(|(scheme, _)| !scheme.is_empty() && scheme.chars().all(is_scheme));
    if external || href.starts_with("//") {
        return None;
    }
    let (address, fragment) = href.split_once('#').unwrap_or((href, ""));
    let address = decode(address.split('?').next().unwrap_or_default());
    let to = if address.is_empty() {
        from.to_owned()
    } else if let Some(absolute) = address.strip_prefix('/') {
        normal(Path::new(absolute))
    } else {
        normal(&from.parent().unwrap_or(Path::new("")).join(&address))
    };
    let to = if address.ends_with('/') {
        to.join("index.html")
    } else {
        to
    };
    let fragment = decode(fragment);
    Some(HtmlLink {
        href: href.to_owned(),
        to,
        fragment: (!fragment.is_empty() && fragment != "top").then_some(fragment),
    })
}

fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                normal.pop();
            }
            Component::Normal(part) => normal.push(part),
            _ => {}
        }
    }
    normal
}

/// Percent-encoding undone (RFC 3986 §2.1); what is not UTF-8 then stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let pair = tail
            .get(..2)
            .and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(href: &str, expected: Option<(&str, Option<&str>)>) {
        let seen = resolve(href, Path::new("issues/a.html"));
        let seen = seen.map(|link| (link.to, link.fragment));
        let expected = expected.map(|(to, f)| (PathBuf::from(to), f.map(str::to_owned)));
        assert_eq!(seen, expected, "{href}");
    }

    #[test]
    fn links_lead_to_pages_and_fragments() {
        case("#x", Some(("issues/a.html", Some("x"))));
        case("#", Some(("issues/a.html", None)));
        case("b.html?space=x#y", Some(("issues/b.html", Some("y"))));
        case("../c.html", Some(("c.html", None)));
        case("/d/", Some(("d/index.html", None)));
        case("b.html#caf%C3%A9", Some(("issues/b.html", Some("café"))));
        case("https://example.com/", None);
        case("mailto:a@b", None);
        case("//host/x", None);
    }

    #[test]
    fn links_outside_of_main_and_of_headings_do_not_count() {
        let page = read_page(
            "<nav><a href=n.html>n</a></nav><main><h2 id=h><a class=header href=#h>H</a></h2>\
             <p id=h><a href=b.html#x>b</a></p></main>",
            Path::new("a.html"),
        );
        assert_eq!(page.ids["h"], 2);
        let hrefs: Vec<_> = page.links.iter().map(|link| link.href.as_str()).collect();
        assert_eq!(hrefs, ["b.html#x"]);
    }
}
