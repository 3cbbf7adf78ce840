//! What is added to the pages, and the site as it is built.

mod access;
pub mod after;
mod alert_seen;
mod alerts;
mod block;
mod build;
mod card;
mod controls;
mod criteria;
pub mod drill_page;
mod evidence_view;
mod fences;
mod finder;
mod front;
pub mod html;
mod index;
mod often;
mod overview;
mod page_view;
mod shell;
mod template;
mod text;
mod time_picture;
mod tree_picture;
mod tree_view;
mod values;
mod walks;
mod way_out;

pub use build::{SiteError, build, build_chapters};
pub use drill_page::all as transcripts;
pub use index::{DIRECTIVES, unknown_directives};
pub use often::often_readable;
pub use page_view::{View, render};
pub(crate) use text::time;
