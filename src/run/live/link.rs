//! The link of an alert, opened in the sandbox as an operator's browser would.

use super::Live;
use crate::page::Cause;
use crate::run::record::{Failed, Recorder};
use crate::site::html::{self, HtmlPage};
use std::path::{Path, PathBuf};

/// Fetches the page that `link` leads to; it must have the anchor, be the drill's page or link to it,
/// and that page must show every block of the resolution. `Ok` with the page that was opened.
pub(super) fn open(
    live: &Live<'_>,
    cause: &Cause,
    link: &str,
    recorder: &mut Recorder<'_>,
) -> Result<Result<PathBuf, String>, Failed> {
    let base = &live.ground.base_url;
    let Some(target) = link
        .strip_prefix(base.as_str())
        .and_then(|rest| html::resolve(&format!("/{rest}"), Path::new("")))
    else {
        return Ok(Err(format!("it does not begin with `base-url`, {base}\n")));
    };
    let opened = target.to;
    if let Err(words) = fetch(live, &opened, recorder)? {
        return Ok(Err(words));
    }
    let Some(page) = html::read_file(&live.ground.root, &opened) else {
        return Ok(Err(format!("{} is no page\n", opened.display())));
    };
    if let Some(anchor) = &target.fragment
        && !page.ids.contains_key(anchor)
    {
        return Ok(Err(format!(
            "{} has no anchor `#{anchor}`\n",
            opened.display()
        )));
    }
    if opened != live.page {
        if let Err(words) = leads_on(live, (&opened, &page)) {
            return Ok(Err(words));
        }
        if let Err(words) = fetch(live, &live.page, recorder)? {
            return Ok(Err(words));
        }
    }
    let shown = html::code_blocks(&live.ground.root, &live.page);
    let missing = cause.resolution.iter().find(|step| {
        let code = step.code.trim();
        !shown.iter().any(|block| block.trim() == code)
    });
    Ok(match missing {
        Some(step) => Err(format!(
            "{} does not show the block of line {}\n",
            live.page.display(),
            step.first_line
        )),
        None => Ok(opened),
    })
}

/// Whether another page, such as the alert's own address, links to the drill's, and to an anchor that is
/// there.
fn leads_on(live: &Live<'_>, (opened, page): (&Path, &HtmlPage)) -> Result<(), String> {
    let links = || page.links.iter().filter(|link| link.to == live.page);
    let (from, to) = (opened.display(), live.page.display());
    if links().next().is_none() {
        return Err(format!("it opens {from}, which does not link to {to}\n"));
    }
    let ids = html::read_file(&live.ground.root, &live.page).map(|page| page.ids);
    let is_there = |anchor: &String| ids.as_ref().is_some_and(|ids| ids.contains_key(anchor));
    if links().any(|link| link.fragment.as_ref().is_none_or(is_there)) {
        return Ok(());
    }
    Err(format!(
        "it opens {from}, whose links to {to} lead to no anchor there\n"
    ))
}

/// Over HTTP, and byte for byte the page that was built.
fn fetch(
    live: &Live<'_>,
    page: &Path,
    recorder: &mut Recorder<'_>,
) -> Result<Result<(), String>, Failed> {
    let (_, site) = live.ground.seen(recorder.session.isolation());
    let quote = |text: String| crate::run::sandbox::quote(&text);
    let code = format!(
        "set -o pipefail; curl -fsS --max-time 10 {} | cmp - {}",
        quote(format!("{}{}", live.ground.config.site, page.display())),
        quote(site.join(page).display().to_string()),
    );
    Ok(recorder.command(&code)?.map(|_| ()))
}
