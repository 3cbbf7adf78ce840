//! A troubleshooting book that proves itself.
pub mod book;
pub mod check;
pub mod cli;
pub mod config;
pub mod evidence;
pub mod finding;
pub mod fs_write;
pub mod markdown;
pub mod page;
pub mod plan;
pub mod report;
pub mod run;
pub mod source;
