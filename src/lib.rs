//! A troubleshooting book that proves itself.
pub mod book;
pub mod check;
pub mod cli;
pub mod config;
pub mod evidence;
pub mod finding;
pub mod fs_write;
pub mod markdown;
pub mod nav;
pub mod page;
pub mod plan;
pub mod preprocessor;
pub mod report;
pub mod rules;
pub mod run;
pub mod site;
pub mod source;
