//! Inline scripts, style sheets and `style` attributes made into files, so that the site needs no
//! `'unsafe-inline'` in its Content-Security-Policy.

use super::{Files, WriteError};
use std::collections::BTreeMap;
use std::ops::Range;

/// What a page has inline.
#[derive(Debug, PartialEq, Eq)]
enum Inline<'a> {
    /// `<script>` without `src`, that a browser executes.
    Script(&'a str),
    /// `<style>`.
    Style(&'a str),
    /// The value of a `style` attribute; the tag's own bytes.
    Attribute(&'a str),
    /// `</head>`, where the links to style sheets go.
    HeadEnd,
}

/// The page without inline parts. `up` leads from it to the root: empty, or `../` as often as it takes.
pub(super) fn outside(html: &str, up: &str, files: &mut Files<'_>) -> Result<String, WriteError> {
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let mut sheets = Vec::new();
    let mut rules: BTreeMap<String, &str> = BTreeMap::new();
    let mut head_end = None;
    for (range, inline) in parts(html) {
        match inline {
            Inline::Script(code) if code.trim().is_empty() => edits.push((range, String::new())),
            Inline::Script(code) => {
                let file = files.asset("js", code)?;
                edits.push((range, format!("<script src=\"{up}{file}\"></script>")));
            }
            Inline::Style(css) => {
                sheets.push(files.asset("css", css)?);
                edits.push((range, String::new()));
            }
            Inline::Attribute(css) => {
                let class = class_of(css);
                edits.extend(with_class(html, range, &class));
                rules.insert(class, css);
            }
            Inline::HeadEnd => head_end = Some(range.start),
        }
    }
    if !rules.is_empty() {
        let all = rules.iter().map(|(class, css)| rule(class, css));
        sheets.push(files.asset("css", &all.collect::<String>())?);
    }
    if let Some(at) = head_end {
        sheets.dedup();
        let links = sheets
            .iter()
            .map(|file| format!("<link rel=\"stylesheet\" href=\"{up}{file}\">\n"));
        edits.push((at..at, links.collect()));
    }
    Ok(apply(html, edits))
}

fn apply(html: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(range, _)| range.start);
    let mut result = String::with_capacity(html.len());
    let mut at = 0;
    for (range, new) in edits {
        result.push_str(&html[at..range.start]);
        result.push_str(&new);
        at = range.end;
    }
    result.push_str(&html[at..]);
    result
}

fn class_of(css: &str) -> String {
    format!("rb-style-{}", &blake3::hash(css.as_bytes()).to_hex()[..8])
}

/// An attribute wins over any rule that is not important.
fn rule(class: &str, css: &str) -> String {
    let css = css
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&");
    let important: Vec<String> = css
        .split(';')
        .map(str::trim)
        .filter(|part| !part.is_empty() && !part.contains(['{', '}', '<']))
        .map(|part| format!("{part} !important"))
        .collect();
    format!(".{class} {{ {} }}\n", important.join("; "))
}

/// A tag whose `style` stands at `range` gets the class instead.
fn with_class(html: &str, range: Range<usize>, class: &str) -> Vec<(Range<usize>, String)> {
    let start = html[..range.start].rfind('<').unwrap_or(range.start);
    let own = attributes(html, start).0;
    match own.into_iter().find(|attribute| attribute.name == "class") {
        Some(Attribute {
            value: Some(value), ..
        }) => vec![
            (range, String::new()),
            (value.end..value.end, format!(" {class}")),
        ],
        _ => vec![(range, format!("class=\"{class}\""))],
    }
}

/// All inline parts, in the order of the page.
fn parts(html: &str) -> Vec<(Range<usize>, Inline<'_>)> {
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(found) = html[at..].find('<') {
        let start = at + found;
        let rest = &html[start..];
        if rest.starts_with("<!--") {
            at = rest.find("-->").map_or(html.len(), |end| start + end + 3);
            continue;
        }
        let name = tag_name(rest);
        if name == "/head" {
            parts.push((start..start, Inline::HeadEnd));
        }
        if name.is_empty() || name.starts_with('/') {
            at = start + 1;
            continue;
        }
        let (own, end) = attributes(html, start);
        for attribute in own.iter().filter(|attribute| attribute.name == "style") {
            let value = attribute.value.clone().unwrap_or(start..start);
            parts.push((attribute.span.clone(), Inline::Attribute(&html[value])));
        }
        at = end;
        if name == "script" || name == "style" {
            let close = format!("</{name}");
            let text_end = find_ignoring_case(&html[end..], &close).map_or(html.len(), |n| end + n);
            let whole = html[text_end..]
                .find('>')
                .map_or(html.len(), |n| text_end + n + 1);
            let text = &html[end..text_end];
            if name == "style" {
                parts.push((start..whole, Inline::Style(text)));
            } else if is_executed(html, &own) {
                parts.push((start..whole, Inline::Script(text)));
            }
            at = whole;
        }
    }
    parts
}

/// Neither loaded from elsewhere nor a block of data (HTML, "prepare the script element").
fn is_executed(html: &str, own: &[Attribute]) -> bool {
    let value = |name: &str| own.iter().find(|attribute| attribute.name == name);
    let kind = value("type").and_then(|it| it.value.clone());
    let kind = kind.map(|range| html[range].to_ascii_lowercase());
    value("src").is_none() && kind.is_none_or(|kind| kind.is_empty() || kind == "text/javascript")
}

/// The lower-case name of the tag at the start of `rest`, with the slash of an end tag.
fn tag_name(rest: &str) -> String {
    let body = &rest[1..];
    let slash = usize::from(body.starts_with('/'));
    let end = body[slash..]
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .map_or(body.len(), |end| slash + end);
    body[..end].to_ascii_lowercase()
}

struct Attribute {
    name: String,
    /// With its value.
    span: Range<usize>,
    /// Without its quotes.
    value: Option<Range<usize>>,
}

/// The attributes of the start tag at `start`, and where the tag ends.
fn attributes(html: &str, start: usize) -> (Vec<Attribute>, usize) {
    let bytes = html.as_bytes();
    let skip = |mut at: usize, stop: fn(u8) -> bool| {
        while at < bytes.len() && !stop(bytes[at]) {
            at += 1;
        }
        at
    };
    let mut own = Vec::new();
    let mut at = skip(start + 1, |b| {
        b.is_ascii_whitespace() || b == b'>' || b == b'/'
    });
    loop {
        at = skip(at, |b| !b.is_ascii_whitespace() && b != b'/');
        if at >= bytes.len() || bytes[at] == b'>' {
            return (own, (at + 1).min(bytes.len()));
        }
        let from = at;
        // A first `=` belongs to the name: so every turn gets on.
        at = skip(at + 1, |b| b.is_ascii_whitespace() || b"=>/".contains(&b));
        let name = html[from..at].to_ascii_lowercase();
        let sign = skip(at, |b| !b.is_ascii_whitespace());
        let mut value = None;
        if bytes.get(sign) == Some(&b'=') {
            let first = skip(sign + 1, |b| !b.is_ascii_whitespace());
            let (inner, end) = match bytes.get(first) {
                Some(b'"') => quoted(html, first, '"'),
                Some(b'\'') => quoted(html, first, '\''),
                _ => {
                    let end = skip(first, |b| b.is_ascii_whitespace() || b == b'>');
                    (first..end, end)
                }
            };
            value = Some(inner);
            at = end;
        }
        own.push(Attribute {
            name,
            span: from..at,
            value,
        });
    }
}

fn quoted(html: &str, first: usize, mark: char) -> (Range<usize>, usize) {
    let end = html[first + 1..]
        .find(mark)
        .map_or(html.len(), |n| first + 1 + n);
    (first + 1..end, (end + 1).min(html.len()))
}

fn find_ignoring_case(text: &str, wanted: &str) -> Option<usize> {
    let (text, wanted) = (text.as_bytes(), wanted.as_bytes());
    text.windows(wanted.len())
        .position(|window| window.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(html: &str) -> (String, Vec<(String, String)>) {
        let dir = tempfile::tempdir().unwrap();
        let mut files = Files::new(dir.path());
        let page = outside(html, "../", &mut files).unwrap();
        let mut written: Vec<(String, String)> = walkdir::WalkDir::new(dir.path())
            .sort_by_file_name()
            .into_iter()
            .flatten()
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                (name, std::fs::read_to_string(entry.path()).unwrap())
            })
            .collect();
        written.sort();
        (page, written)
    }

    #[test]
    fn scripts_and_style_sheets_become_files() {
        let (page, files) = done(
            "<head></head><style>a{}</style><p>x<script>if (a < b) {}</script><SCRIPT>if (a < b) {}</SCRIPT >",
        );
        assert_eq!(files.len(), 2, "{files:?}");
        assert!(
            page.starts_with("<head><link rel=\"stylesheet\" href=\"../rb-assets/"),
            "{page}"
        );
        assert_eq!(page.matches("<script src=\"../rb-assets/").count(), 2);
        assert!(!page.contains("a < b") && !page.contains("a{}"), "{page}");
    }

    #[test]
    fn what_is_no_script_of_the_page_stays() {
        let html = "<!-- <script>1</script> --><script src=x></script><script type=\"application/json\">{}</script>\
                    <p title='<script>2</script>'>a < b</p>&lt;script&gt;";
        assert_eq!(done(html).0, html);
    }

    #[test]
    fn style_attributes_become_classes() {
        let (page, files) = done(
            "<head></head><td class=\"a\" style=\"text-align: right\"><div style='clear:both'>",
        );
        assert!(page.contains("<td class=\"a rb-style-"), "{page}");
        assert!(page.contains("<div class=\"rb-style-"), "{page}");
        assert!(!page.contains("style="), "{page}");
        assert!(
            files[0].1.contains("{ text-align: right !important }"),
            "{files:?}"
        );
    }

    #[test]
    fn broken_html_ends() {
        for html in [
            "<script>",
            "<style",
            "<a b='",
            "<!--",
            "<",
            "<a =",
            "<a ==b>",
            "<é style=\"a\">",
        ] {
            done(html);
        }
    }
}
