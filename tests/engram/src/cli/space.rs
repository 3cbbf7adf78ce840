//! `engram space list|create`, by asking the server.

use std::error::Error;

use clap::Subcommand;
use serde_json::{Value, json};

use crate::{client, out};

/// What to do with spaces.
#[derive(Debug, Subcommand)]
pub(super) enum SpaceCommand {
    /// List the spaces that the server has opened.
    List,
    /// Make a space, or open it.
    Create {
        /// 3 to 64 of a-z, 0-9, _ and -.
        id: String,
    },
}

/// Fails if no server answers.
pub(super) fn run(command: &SpaceCommand) -> Result<(), Box<dyn Error>> {
    let port = client::server()?.port;
    match command {
        SpaceCommand::List => {
            let body = client::request(port, "GET", "/api/v1/spaces", None, None)?.granted()?;
            out::line(&format!(
                "{:<24} {:<48} CREATED AT",
                "ID", "PERSISTENCE ROOT"
            ));
            for space in body["spaces"].as_array().into_iter().flatten() {
                let field = |name: &str| text(space, name);
                out::line(&format!(
                    "{:<24} {:<48} {}",
                    field("id"),
                    field("persistence_root"),
                    field("created_at")
                ));
            }
        }
        SpaceCommand::Create { id } => {
            let space = client::request(
                port,
                "POST",
                "/api/v1/spaces",
                None,
                Some(&json!({ "id": id })),
            )?
            .granted()?;
            let (root, created_at) = (text(&space, "persistence_root"), text(&space, "created_at"));
            out::line(&format!(
                "Memory space '{id}' ready at {root} (created at {created_at})"
            ));
        }
    }
    Ok(())
}

fn text(object: &Value, name: &str) -> String {
    object[name].as_str().unwrap_or("-").to_owned()
}
