//! Listeners to the run, and how findings are written for people and machines.

mod github;
mod json;
mod junit;
mod summary;
pub mod terminal;

pub use github::annotations;
pub use json::to_json;
pub use junit::to_junit;
pub use summary::Summary;
pub(crate) use summary::plural;
