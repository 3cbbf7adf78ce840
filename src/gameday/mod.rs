//! Game days: an operator, the book and a shell against a fault, and what is written about it.
//!
//! A running game day is known by a state file, and everything that happens is appended to a journal
//! beside it, by whoever sees it: the site's server, the shell, shells in other terminals, checks.
//! At the end the journal becomes the record, and the record the incident report.

mod choose;
mod journal;
mod record;
mod report;
mod scores;
mod serve;
mod state;
mod time;

pub use choose::{Candidate, candidates, choose};
pub use journal::{Event, Journal, What};
pub use record::{Record, records};
pub use report::{fill, template};
pub use scores::sheet;
pub use serve::{ServeError, Server};
pub use state::{Files, State};
pub use time::{At, in_words};
