//! The page for addresses that do not exist: it recognises what was meant, and has the finder.

use super::{Files, WriteError};
use crate::site::finder::{self, Chapters};
use crate::site::front;
use crate::site::page_view::styles;
use std::path::Path;

/// The page that web servers show, and mdBook always writes.
pub(super) const NAME: &str = "404.html";

/// What mdBook writes where the book has no page of its own for it.
const DEFAULT: &str = "This URL is invalid";

/// Completes mdBook's page; a book without issues keeps it as it is.
pub(super) fn write(files: &mut Files<'_>, chapters: &Chapters<'_>) -> Result<(), WriteError> {
    if !files.has(Path::new(NAME)) || chapters.pages.iter().all(|page| page.issue.is_none()) {
        return Ok(());
    }
    let html = files.read(Path::new(NAME))?;
    let (Some(start), Some(end)) = (html.find("<main>"), html.find("</main>")) else {
        return Ok(());
    };
    let start = start + "<main>".len();
    let own = &html[start..end];
    // The author's words stay.
    let own = if own.contains(DEFAULT) { "" } else { own };
    let styles = format!("<style>\n{}</style>\n", styles());
    let assets = styles + &finder::assets(&finder::data(chapters));
    let shown = front::lost(chapters);
    let script = include_str!("../assets/lost.js");
    let page = format!(
        "{}\n{shown}{own}{assets}<script>\n{script}</script>\n{}",
        &html[..start],
        &html[end..]
    );
    files.write(Path::new(NAME), &page)
}
