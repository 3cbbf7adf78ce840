//! What is added to the pages, and the site as it is built.

mod access;
mod alerts;
mod block;
mod build;
mod card;
mod criteria;
mod evidence_view;
mod fences;
pub mod html;
mod index;
mod page_view;
mod template;
mod text;
mod tree_picture;
mod tree_view;
mod values;
mod walks;
mod way_out;

pub use build::{SiteError, build};
pub use index::unknown_directives;
pub use page_view::{View, render};
