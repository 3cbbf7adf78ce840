//! The templates of what is added to pages.

use super::text::escape;
use serde::Serialize;
use std::sync::LazyLock;
use tera::{Context, Tera};

static TEMPLATES: LazyLock<Tera> = LazyLock::new(|| {
    let mut tera = Tera::default();
    tera.set_escape_fn(escape);
    tera.add_raw_templates([
        ("alerts.html", include_str!("templates/alerts.html")),
        ("axis.html", include_str!("templates/axis.html")),
        ("bar.html", include_str!("templates/bar.html")),
        ("card.html", include_str!("templates/card.html")),
        ("criteria.html", include_str!("templates/criteria.html")),
        ("criterion.html", include_str!("templates/criterion.html")),
        ("reference.html", include_str!("templates/reference.html")),
        ("front.html", include_str!("templates/front.html")),
        ("lead.html", include_str!("templates/lead.html")),
        ("evidence.html", include_str!("templates/evidence.html")),
        ("matrix.html", include_str!("templates/matrix.html")),
        (
            "tree_picture.html",
            include_str!("templates/tree_picture.html"),
        ),
        (
            "still_broken.html",
            include_str!("templates/still_broken.html"),
        ),
        ("symptoms.html", include_str!("templates/symptoms.html")),
        ("values.html", include_str!("templates/values.html")),
        ("marks.html", include_str!("templates/marks.html")),
        ("overview.html", include_str!("templates/overview.html")),
        ("transcript.html", include_str!("templates/transcript.html")),
        ("walks.html", include_str!("templates/walks.html")),
    ])
    .expect("the templates are constants of ours");
    tera
});

/// Fills a template; every value is escaped. The result is one line: a blank one would end the
/// HTML block that it stands in.
pub(super) fn fill(name: &str, values: &impl Serialize) -> String {
    let html = fill_page(name, values);
    html.lines().map(str::trim_start).collect()
}

/// Fills the template of a page that is no chapter; every value is escaped.
pub(super) fn fill_page(name: &str, values: &impl Serialize) -> String {
    let context = Context::from_serialize(values).expect("values are structs of ours");
    TEMPLATES
        .render(name, &context)
        .expect("the templates name only what the values have")
}
