//! A page of the built site as a shell for others: the same bars, styles and scripts around another text.
//!
//! Transcripts are no chapters of the book: mdBook puts every chapter into the page for printing, the
//! sidebar and the order of reading, and gives no way to leave one out.

use super::text::escape;
use std::path::Path;

/// What stands before and after the text of a page.
pub(super) struct Shell {
    before: String,
    after: String,
    /// The way from the page to the root of the site.
    to_root: String,
}

/// A page that is put into a shell.
pub(super) struct Content<'a> {
    /// Its path in the site.
    pub(super) path: &'a Path,
    /// For the tab of the browser.
    pub(super) title: &'a str,
    /// HTML.
    pub(super) main: &'a str,
    /// Where the arrows at its sides lead.
    pub(super) previous: Option<String>,
    /// The same.
    pub(super) next: Option<String>,
}

impl Shell {
    /// The shell of `html`, the built page at `path`; `None` where it has no `<main>`.
    pub(super) fn of(html: &str, path: &Path) -> Option<Self> {
        let start = html.find("<main")?;
        let start = start + html[start..].find('>')? + 1;
        let end = start + html[start..].rfind("</main>")?;
        Some(Self {
            before: html[..start].to_owned(),
            after: html[end..].to_owned(),
            to_root: to_root(path),
        })
    }

    /// For books whose theme has no `<main>`.
    pub(super) fn plain() -> Self {
        let head = "<meta charset=\"UTF-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title></title>";
        Self {
            before: format!("<!DOCTYPE html>\n<html>\n<head>{head}</head>\n<body>\n<main>"),
            after: "</main>\n</body>\n</html>\n".to_owned(),
            to_root: String::new(),
        }
    }

    /// The whole page.
    pub(super) fn around(&self, content: &Content<'_>) -> String {
        let to_root = to_root(content.path);
        let before = titled(&self.before, content.title);
        format!(
            "{}\n{}\n{}",
            self.moved(&before, &to_root),
            content.main,
            turned(&self.moved(&self.after, &to_root), content)
        )
    }

    /// Addresses that were relative to the shell's own page, and mdBook's scripts' notion of the root.
    fn moved(&self, html: &str, to_root: &str) -> String {
        let mut moved = String::with_capacity(html.len() + 512);
        let mut rest = html;
        while let Some((at, mark)) = first_mark(rest) {
            let (done, tail) = rest.split_at(at + mark.len());
            moved.push_str(done);
            let end = tail.find('"').unwrap_or(tail.len());
            moved.push_str(&self.address(&tail[..end], to_root, mark));
            rest = &tail[end..];
        }
        moved.push_str(rest);
        moved
    }

    fn address(&self, address: &str, to_root: &str, mark: &str) -> String {
        if mark == ROOT {
            return to_root.to_owned();
        }
        let is_elsewhere = address.is_empty()
            || address.starts_with(['#', '/'])
            || address
                .split('/')
                .next()
                .is_some_and(|first| first.contains(':'));
        match address.strip_prefix(&self.to_root) {
            Some(from_root) if !is_elsewhere => format!("{to_root}{from_root}"),
            _ => address.to_owned(),
        }
    }
}

/// mdBook's scripts build addresses from it.
const ROOT: &str = "path_to_root = \"";

/// What stands before an address.
const MARKS: &[&str] = &[" href=\"", " src=\"", "path_to_searchindex_js = \"", ROOT];

fn first_mark(html: &str) -> Option<(usize, &'static str)> {
    let found = MARKS
        .iter()
        .filter_map(|mark| Some((html.find(mark)?, *mark)));
    found.min_by_key(|(at, _)| *at)
}

fn to_root(path: &Path) -> String {
    "../".repeat(path.components().count().saturating_sub(1))
}

/// With another name of the page; that of the book stays.
fn titled(html: &str, title: &str) -> String {
    let (Some(start), Some(end)) = (html.find("<title>"), html.find("</title>")) else {
        return html.to_owned();
    };
    let start = start + "<title>".len();
    let book = html[start..end]
        .rsplit_once(" - ")
        .map_or("", |(_, book)| book);
    let joint = if book.is_empty() { "" } else { " - " };
    format!(
        "{}{}{joint}{book}{}",
        &html[..start],
        escape(title),
        &html[end..]
    )
}

/// The arrows for the previous and the next chapter lead to other pages of the kind, or are gone.
fn turned(html: &str, content: &Content<'_>) -> String {
    let mut turned = html.to_owned();
    for (rel, to) in [("prev", &content.previous), ("next", &content.next)] {
        let mark = format!("<a rel=\"{rel}");
        let mut from = 0;
        while let Some(start) = turned[from..].find(&mark).map(|at| from + at) {
            let Some(end) = turned[start..].find("</a>").map(|at| start + at + 4) else {
                break;
            };
            let link = to.as_ref().map_or_else(String::new, |to| {
                let link = turned[start..end].replace("chapter\"", "transcript\"");
                match (link.find("href=\""), to) {
                    (Some(at), to) => {
                        let at = at + "href=\"".len();
                        let quote = link[at..].find('"').map_or(link.len(), |end| at + end);
                        format!("{}{}{}", &link[..at], escape(to), &link[quote..])
                    }
                    (None, _) => link,
                }
            });
            turned.replace_range(start..end, &link);
            from = start + link.len();
        }
    }
    turned
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<title>Drills - The book</title><link href=\"css/a.css\"><link href=\"https://x/\">\
        <script>const path_to_root = \"\"; window.path_to_searchindex_js = \"s.js\";</script>\
        <a href=\"#x\">x</a><main class=\"a\"><h1>Old</h1></main><a rel=\"prev\" href=\"b.html\" title=\"Previous chapter\">b</a>\
        <a rel=\"next prefetch\" href=\"c.html\">c</a><script src=\"d.js\"></script>";

    #[test]
    fn addresses_are_those_from_the_new_place() {
        let shell = Shell::of(PAGE, Path::new("drills.html")).unwrap();
        let page = shell.around(&Content {
            path: Path::new("drills/a/b.html"),
            title: "A & B",
            main: "<h1>New</h1>",
            previous: Some("z.html".to_owned()),
            next: None,
        });
        assert_eq!(
            page,
            "<title>A &amp; B - The book</title><link href=\"../../css/a.css\"><link href=\"https://x/\">\
             <script>const path_to_root = \"../../\"; window.path_to_searchindex_js = \"../../s.js\";</script>\
             <a href=\"#x\">x</a><main class=\"a\">\n<h1>New</h1>\n</main><a rel=\"prev\" href=\"z.html\" title=\"Previous transcript\">b</a>\
             <script src=\"../../d.js\"></script>"
        );
    }

    #[test]
    fn a_shell_from_a_folder_loses_its_own_way_to_the_root() {
        let page = PAGE
            .replace("css/", "../css/")
            .replace("= \"\"", "= \"../\"");
        let shell = Shell::of(&page, Path::new("issues/a.html")).unwrap();
        let moved = shell.around(&Content {
            path: Path::new("x.html"),
            title: "t",
            main: "",
            previous: None,
            next: None,
        });
        assert!(
            moved.contains("href=\"css/a.css\"") && moved.contains("root = \"\""),
            "{moved}"
        );
        assert!(Shell::of("<p>no main</p>", Path::new("a.html")).is_none());
    }
}
