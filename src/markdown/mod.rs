//! One Markdown file as written: fences, headings and links, each with its place.

mod document;
mod info_string;

pub use document::{CodeBlock, Directive, Document, Heading, Link, ListItem, parse};
pub use info_string::{Attributes, Exit, InfoString, NAMES, NotNeeded, Template, duration};
