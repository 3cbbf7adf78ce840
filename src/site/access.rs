//! What mdBook's own template lacks for the keyboard, for screen readers and for weak eyes, mended
//! on the built pages: no preprocessor can reach it.

use super::after::{Files, WriteError};
use std::path::Path;

const STYLE: (&str, &str) = ("runbook-access.css", include_str!("assets/access.css"));
const SCRIPT: (&str, &str) = ("runbook-access.js", include_str!("assets/access.js"));

/// Writes what mended pages load.
pub(super) fn write(files: &Files<'_>) -> Result<(), WriteError> {
    [STYLE, SCRIPT]
        .iter()
        .try_for_each(|(name, text)| files.write(Path::new(name), text))
}

/// A page of mdBook's, mended; `up` leads to the root of the site.
pub(super) fn mend(html: &str, up: &str) -> String {
    let mut html = html.to_owned();
    let style = format!(
        "<link rel=\"stylesheet\" href=\"{up}{}\">\n    </head>",
        STYLE.0
    );
    html = html.replacen("</head>", &style, 1);
    let script = format!("<script src=\"{up}{}\"></script>\n    </body>", SCRIPT.0);
    if let Some(at) = html.rfind("</body>") {
        html.replace_range(at..at + "</body>".len(), &script);
    }
    html = button(&html);
    html.replace(
        "<div id=\"mdbook-menu-bar\" class=\"menu-bar sticky\">",
        "<div id=\"mdbook-menu-bar\" class=\"menu-bar sticky\" role=\"banner\">",
    )
    // The id that is meant.
    .replace(
        "aria-describedby=\"searchresults-header\"",
        "aria-label=\"Search this book\" aria-describedby=\"mdbook-searchresults-header\"",
    )
}

/// The switch of the sidebar is a label, which no key reaches and no screen reader calls a switch.
fn button(html: &str) -> String {
    let open = "<label id=\"mdbook-sidebar-toggle\" class=\"icon-button\" for=\"mdbook-sidebar-toggle-anchor\"";
    let Some(start) = html.find(open) else {
        return html.to_owned();
    };
    let Some(end) = html[start..].find("</label>").map(|at| start + at) else {
        return html.to_owned();
    };
    format!(
        "{}<button type=\"button\" id=\"mdbook-sidebar-toggle\" class=\"icon-button\"{}</button>{}",
        &html[..start],
        &html[start + open.len()..end],
        &html[end + "</label>".len()..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<html><head></head><body><div id=\"mdbook-menu-bar\" class=\"menu-bar sticky\">\
        <label id=\"mdbook-sidebar-toggle\" class=\"icon-button\" for=\"mdbook-sidebar-toggle-anchor\" \
        title=\"t\"><svg></svg></label></div></body></html>";

    #[test]
    fn the_switch_of_the_sidebar_becomes_a_button_in_a_landmark() {
        let page = mend(PAGE, "../");
        for part in [
            "<link rel=\"stylesheet\" href=\"../runbook-access.css\">",
            "<script src=\"../runbook-access.js\"></script>",
            "class=\"menu-bar sticky\" role=\"banner\">",
            "<button type=\"button\" id=\"mdbook-sidebar-toggle\" class=\"icon-button\" title=\"t\"><svg></svg></button>",
        ] {
            assert!(page.contains(part), "no {part} in {page}");
        }
    }

    #[test]
    fn a_page_of_another_template_stays_whole() {
        let page = "<p>nothing of mdBook's</p>";
        assert_eq!(mend(page, ""), page);
    }
}
