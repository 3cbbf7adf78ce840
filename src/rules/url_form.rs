//! The form of links, such as `{base}{page}.html?{query}#{anchor}` or `{base}alerts/{alert}.html`.

use std::fmt;
use std::path::Path;

/// How the address of a place in the book is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlForm {
    base: String,
    /// What follows `{base}`, with the optional parts in their places.
    rest: String,
}

/// Why a text is no form of links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokenForm {
    /// It does not begin with `{base}`.
    NoBase,
    /// It has neither `{page}` nor `{alert}`, or one of them twice.
    NoPage,
    /// A placeholder that there is not, or a brace without its other half.
    Unknown(String),
}

impl fmt::Display for BrokenForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBase => f.write_str("it must begin with `{base}`"),
            Self::NoPage => f.write_str("it must have `{page}` or `{alert}`, once"),
            Self::Unknown(part) => write!(f, "there is no `{part}`"),
        }
    }
}

/// The form of links where `book.toml` names none.
pub const DEFAULT: &str = "{base}{page}.html?{query}#{anchor}";

impl UrlForm {
    /// Reads a form; `?{query}` and `#{anchor}` may be left out, and then stand at the end. One with
    /// `{alert}` and without `{page}` leads to the alert's own address, which knows the anchor: there it is
    /// not added.
    pub fn new(base: &str, form: &str) -> Result<Self, BrokenForm> {
        let rest = form.strip_prefix("{base}").ok_or(BrokenForm::NoBase)?;
        let count = |part| rest.matches(part).count();
        let (n_pages, n_alerts) = (count("{page}"), count("{alert}"));
        if n_pages.max(n_alerts) != 1 {
            return Err(BrokenForm::NoPage);
        }
        let mut left = rest.to_owned();
        for known in ["{page}", "{alert}", "?{query}", "&{query}", "#{anchor}"] {
            left = left.replacen(known, "", 1);
        }
        if let Some(start) = left.find(['{', '}']) {
            let end = left[start..]
                .find('}')
                .map_or(left.len(), |n| start + n + 1);
            return Err(BrokenForm::Unknown(left[start..end].to_owned()));
        }
        let mut rest = rest.to_owned();
        if !rest.contains("{query}") {
            let mark = if left.contains('?') { '&' } else { '?' };
            let at = rest.find("#{anchor}").unwrap_or(rest.len());
            rest.insert_str(at, &format!("{mark}{{query}}"));
        }
        if n_pages > 0 && !rest.contains("#{anchor}") {
            rest += "#{anchor}";
        }
        Ok(Self {
            base: base.to_owned(),
            rest,
        })
    }

    /// Whether it leads to pages, and not to the addresses of alerts.
    pub fn names_pages(&self) -> bool {
        self.rest.contains("{page}")
    }

    /// The address of a file of the built site.
    pub fn file(&self, path: &Path) -> String {
        let path = path.display().to_string();
        format!("{}{}", self.base, encoded(&path, "/+"))
    }

    /// The address of `alert` on a page's HTML path, with an anchor and a query that is escaped already.
    pub fn url(
        &self,
        (page, alert): (&Path, &str),
        anchor: Option<&str>,
        query: Option<&str>,
    ) -> String {
        let page = page.with_extension("").display().to_string();
        let alert = encoded(&alert_stem(alert), "+");
        let mut url = self.rest.replace("{page}", &encoded(&page, "/"));
        url = url.replace("{alert}", &alert);
        for mark in ['?', '&'] {
            let part = query.map_or_else(String::new, |query| format!("{mark}{query}"));
            url = url.replace(&format!("{mark}{{query}}"), &part);
        }
        let anchor = anchor.map_or_else(String::new, |a| {
            format!("#{}", encoded(a, "'/?!$&()*+,;=:@"))
        });
        format!("{}{}", self.base, url.replace("#{anchor}", &anchor))
    }
}

/// The name of an alert as that of a file. It may be any text; what file systems take for something else
/// is a hyphen.
pub(crate) fn alert_stem(alert: &str) -> String {
    let is_safe = |c: char| c.is_alphanumeric() || "-_.+ ".contains(c);
    alert
        .trim_start_matches('.')
        .chars()
        .map(|c| if is_safe(c) { c } else { '-' })
        .take(60)
        .collect()
}

/// Percent-encoded, but for what no address encodes and what this part of one may have as it is.
fn encoded(text: &str, also: &str) -> String {
    percent_encoded(text, |c| {
        c.is_ascii_alphanumeric() || "-._~".contains(c) || also.contains(c)
    })
}

/// Percent-encoded (RFC 3986 §2.1), but for characters that stay as they are.
pub(crate) fn percent_encoded(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut encoded = String::new();
    for c in text.chars() {
        if stays(c) {
            encoded.push(c);
        } else {
            let mut buffer = [0; 4];
            for byte in c.encode_utf8(&mut buffer).bytes() {
                encoded += &format!("%{byte:02X}");
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(form: &str, page: &str, anchor: Option<&str>, query: Option<&str>, expected: &str) {
        let form = UrlForm::new("https://r.example/", form).unwrap();
        assert_eq!(
            form.url((Path::new(page), "Slow: größer"), anchor, query),
            expected
        );
    }

    #[test]
    fn parts_that_are_not_there_leave_no_trace() {
        let page = "a/b.html";
        case(DEFAULT, page, None, None, "https://r.example/a/b.html");
        case(
            DEFAULT,
            page,
            Some("x"),
            Some("q={{ $labels.q | urlquery }}"),
            "https://r.example/a/b.html?q={{ $labels.q | urlquery }}#x",
        );
        case(
            "{base}{page}#{anchor}",
            page,
            Some("x"),
            Some("q=1"),
            "https://r.example/a/b?q=1#x",
        );
        case(
            "{base}go?to={page}&{query}",
            page,
            Some("x"),
            Some("q=1"),
            "https://r.example/go?to=a/b&q=1#x",
        );
        case(
            "{base}{page}/",
            page,
            Some("x"),
            None,
            "https://r.example/a/b/#x",
        );
    }

    #[test]
    fn an_alert_has_an_address_of_its_own() {
        let alert = "https://r.example/alerts/Slow-%20gr%C3%B6%C3%9Fer.html";
        let form = "{base}alerts/{alert}.html";
        case(form, "a/b.html", Some("x"), None, alert);
        case(
            form,
            "a/b.html",
            Some("x"),
            Some("q=1"),
            &format!("{alert}?q=1"),
        );
        case(
            "{base}alerts/{alert}.html#{anchor}",
            "a/b.html",
            Some("x"),
            Some("q=1"),
            &format!("{alert}?q=1#x"),
        );
        case(
            "{base}{page}.html?alert={alert}",
            "a/b.html",
            Some("x"),
            None,
            "https://r.example/a/b.html?alert=Slow-%20gr%C3%B6%C3%9Fer#x",
        );
    }

    #[test]
    fn names_of_alerts_as_files() {
        assert_eq!(alert_stem("EngineDown"), "EngineDown");
        assert_eq!(alert_stem("../../etc/passwd"), "-..-etc-passwd");
        assert_eq!(alert_stem("a:\"<b>\0"), "a---b--");
        assert_eq!(alert_stem("größer als"), "größer als");
    }

    #[test]
    fn characters_that_no_address_may_have_are_encoded() {
        case(
            DEFAULT,
            "ein fall/über.html",
            Some("größe"),
            None,
            "https://r.example/ein%20fall/%C3%BCber.html#gr%C3%B6%C3%9Fe",
        );
    }

    #[test]
    fn forms_that_cannot_be_used_say_why() {
        let broken = |form| UrlForm::new("b", form).unwrap_err().to_string();
        assert_eq!(broken("{page}"), "it must begin with `{base}`");
        assert_eq!(
            broken("{base}#{anchor}"),
            "it must have `{page}` or `{alert}`, once"
        );
        assert_eq!(
            broken("{base}{alert}/{alert}"),
            "it must have `{page}` or `{alert}`, once"
        );
        assert_eq!(broken("{base}{page}{title}"), "there is no `{title}`");
        assert_eq!(broken("{base}{page}{query}"), "there is no `{query}`");
        assert_eq!(broken("{base}{page}{"), "there is no `{`");
    }
}
