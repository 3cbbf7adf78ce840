//! Pages that lead on, with the query and the fragment of whoever comes: alerts and old addresses.

use super::{Address, Files, Goal, WriteError, addresses};
use crate::site::finder::Chapters;
use crate::site::template::fill_page;
use crate::site::text::{encoded, relative};
use serde::Serialize;

#[derive(Serialize)]
struct Lead<'a> {
    name: &'a str,
    language: &'a str,
    is_alert: bool,
    front: String,
    goals: Vec<Link<'a>>,
    style: &'static str,
    script: &'static str,
}

#[derive(Serialize)]
struct Link<'a> {
    href: String,
    title: &'a str,
}

/// Writes a page for each address where there is none yet.
pub(super) fn write(files: &mut Files<'_>, chapters: &Chapters<'_>) -> Result<(), WriteError> {
    for address in addresses(chapters.pages.iter().copied(), chapters.config) {
        // A chapter is never overwritten, nor another alert: `address-taken` tells of it.
        if !files.has(&address.path) {
            files.write_outside(&address.path, &page(&address))?;
        }
    }
    Ok(())
}

fn page(address: &Address) -> String {
    let link = |goal: &'_ Goal| {
        let page = encoded(&relative(&address.path, &goal.page));
        match &goal.anchor {
            Some(anchor) => format!("{page}#{}", encoded(anchor)),
            None => page,
        }
    };
    fill_page(
        "lead.html",
        &Lead {
            name: &address.name,
            language: "en",
            is_alert: address.is_alert,
            front: relative(&address.path, "index.html".as_ref()),
            goals: address
                .targets
                .iter()
                .map(|goal| Link {
                    href: link(goal),
                    title: &goal.title,
                })
                .collect(),
            style: include_str!("../assets/lead.css"),
            script: include_str!("../assets/lead.js"),
        },
    )
}
