//! A troubleshooting book that proves itself: the map of the house.
//!
//! ```text
//! book ─▶ markdown ─▶ page ─▶ tree ─▶ plan ─▶ run ─▶ evidence ─▶ site
//!                       │                                          ▲
//!                       ├─▶ nav (click matrix) ────────────────────┤
//!                       └─▶ rules (runbook_url) ─▶ alerting ───────┘
//!                                 dashboards, metrics ─▲
//! ```
//!
//! Invariants, each with a test in `tests/it/tidy.rs`: `markdown`, `page`, `tree`, `plan` and
//! `finding` do no I/O; only `run` starts a process; no arrow goes backwards; nothing here knows its first book.

pub mod acceptance;
pub mod alerting;
pub mod book;
pub mod check;
pub mod cli;
pub mod config;
pub mod dashboards;
pub mod evidence;
pub mod finding;
pub mod fs_write;
pub mod gameday;
pub mod init;
pub mod markdown;
pub mod metrics;
pub mod nav;
pub mod page;
pub mod plan;
pub mod preprocessor;
pub mod reference;
pub mod report;
pub mod respond;
pub mod rules;
pub mod run;
pub mod shell;
pub mod site;
pub mod source;
pub mod tree;
