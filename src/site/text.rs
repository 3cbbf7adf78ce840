//! Text made safe for a page.

use crate::rules::percent_encoded;
use std::path::Path;

/// Text for HTML on one line: neither markup, nor Markdown, nor another preprocessor's
/// `{{#include}}` can come of it, and a blank line does not end the HTML block that it stands in.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' => safe.push_str("&#10;"),
            '{' => safe.push_str("&#123;"),
            '\r' => {}
            c if c.is_control() && c != '\t' => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

/// Text for HTML on one line that a browser shows to the letter, control characters too.
pub(super) fn to_the_letter(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        if c.is_ascii_control() || matches!(c, '&' | '<' | '>' | '"' | '\'' | '{') {
            safe.push_str(&format!("&#{};", u32::from(c)));
        } else {
            safe.push(c);
        }
    }
    safe
}

/// The relative address of one page of the site from another.
pub(super) fn relative(from: &Path, to: &Path) -> String {
    let from: Vec<_> = from
        .parent()
        .into_iter()
        .flat_map(Path::components)
        .collect();
    let to_parts: Vec<_> = to.components().collect();
    let common = from
        .iter()
        .zip(&to_parts)
        .take_while(|(a, b)| a == b)
        .count();
    let mut parts: Vec<String> = vec!["..".to_owned(); from.len() - common];
    parts.extend(
        to_parts[common..]
            .iter()
            .map(|part| part.as_os_str().to_string_lossy().into_owned()),
    );
    parts.join("/")
}

/// Percent-encoded, but for what may stand in a path and in a fragment; other scripts stay readable.
pub(super) fn encoded(text: &str) -> String {
    percent_encoded(text, |c| {
        c.is_alphanumeric() || "-._~/!$&'()*+,;=@".contains(c)
    })
}

/// Milliseconds as `0.41 s`, from a minute on as `2 min 5 s`.
pub(crate) fn time(ms: u64) -> String {
    if ms < 60_000 {
        format!("{}.{:02} s", ms / 1000, ms % 1000 / 10)
    } else {
        format!("{} min {} s", ms / 60_000, ms % 60_000 / 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_becomes_plain() {
        assert_eq!(
            escape("</details>\n\n{{#include /etc/passwd}}\u{7}"),
            "&lt;/details&gt;&#10;&#10;&#123;&#123;#include /etc/passwd}}\u{fffd}"
        );
    }

    #[test]
    fn relative_addresses() {
        let case = |from: &str, to: &str| relative(Path::new(from), Path::new(to));
        assert_eq!(case("index.html", "a/b.html"), "a/b.html");
        assert_eq!(case("a/b.html", "a/c.html"), "c.html");
        assert_eq!(case("a/b.html", "c.html"), "../c.html");
    }
}
