//! `engram`: the reference test instance of the Engram runbook, an honest small server.
//!
//! It serves what the runbook's pages and scripts touch, with the routes, bodies, files and messages of the
//! real Engram 0.1.0, and without that version's defects.
//! Nothing in here fakes a fault: faults come from outside, as in production.
//!
//! ```text
//! cli ──▶ server ──▶ http ──▶ space ──▶ wal        config, log, metrics, health: beside them
//!            └─────▶ grpc ──▶ the work of http
//! ```

mod cli;
mod client;
mod config;
mod consolidation;
mod error_chain;
mod grpc;
mod health;
mod http;
mod index;
mod log;
mod memory;
mod metrics;
mod out;
mod pid_file;
mod process;
mod server;
mod space;
mod validation;
mod wal;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            out::error(&error_chain::report(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
