//! The responder: Alertmanager calls, the page's diagnostic script runs, the report is kept.
//!
//! ```text
//! HTTP ─▶ notification ─▶ desk (once a group, bounded queue) ─▶ worker ─▶ report ─▶ folder, HTTP
//! ```
//!
//! It runs on the machine that has the alert, outside of any sandbox, because it runs the operator's
//! own script. What an alert says reaches the script as environment and standard input only.

mod desk;
mod metrics;
mod notification;
mod pages;
mod report;
mod routes;
mod server;
mod store;
mod token;
mod view;
mod worker;

pub use desk::{Accepted, Desk};
pub use metrics::Metrics;
pub use notification::{AlertOf, BadNotification, Notification};
pub use pages::{PageOf, Pages};
pub use report::{Kind, Progress, Report, Run};
pub use server::{RespondError, Responder, Settings};
pub use token::Token;
