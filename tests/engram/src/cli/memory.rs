//! `engram memory create|get|list`. Unlike the real command line it sends the header that the server reads.

use std::error::Error;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::{client, out};

/// Options of all memory commands.
#[derive(Debug, Args)]
pub(super) struct MemoryArguments {
    /// The memory space; without it the one of `ENGRAM_MEMORY_SPACE`, or the server's default.
    #[arg(long, global = true)]
    space: Option<String>,
    #[command(subcommand)]
    command: MemoryCommand,
}

#[derive(Debug, Subcommand)]
enum MemoryCommand {
    /// Store a memory.
    Create {
        /// The text.
        content: String,
        /// Without it the server makes one.
        #[arg(long)]
        id: Option<String>,
        /// From 0 to 1.
        #[arg(long)]
        confidence: Option<f64>,
    },
    /// Print a memory as JSON.
    Get {
        /// Its id.
        id: String,
    },
    /// Print the ids and texts of memories.
    List {
        /// How many at most.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
}

/// Fails if no server answers, or if it refuses.
pub(super) fn run(arguments: &MemoryArguments) -> Result<(), Box<dyn Error>> {
    let port = client::server()?.port;
    let space = arguments
        .space
        .clone()
        .or_else(|| std::env::var("ENGRAM_MEMORY_SPACE").ok());
    let ask = |method: &str, path: &str, body: Option<&Value>| -> Result<Value, Box<dyn Error>> {
        Ok(client::request(port, method, path, space.as_deref(), body)?.granted()?)
    };
    match &arguments.command {
        MemoryCommand::Create {
            content,
            id,
            confidence,
        } => {
            let body = json!({ "content": content, "id": id, "confidence": confidence });
            let answer = ask("POST", "/api/v1/memories/remember", Some(&body))?;
            out::line(&format!(
                "Memory '{}' stored",
                answer["memory_id"].as_str().unwrap_or_default()
            ));
        }
        MemoryCommand::Get { id } => {
            let memory = ask("GET", &format!("/api/v1/memories/{}", escape(id)), None)?;
            out::line(&format!("{memory:#}"));
        }
        MemoryCommand::List { limit } => {
            let answer = ask("GET", &format!("/api/v1/memories?limit={limit}"), None)?;
            for memory in answer["memories"].as_array().into_iter().flatten() {
                let (id, content) = (memory["id"].as_str(), memory["content"].as_str());
                out::line(&format!(
                    "{}\t{}",
                    id.unwrap_or_default(),
                    content.unwrap_or_default()
                ));
            }
        }
    }
    Ok(())
}

/// Percent-encodes all that is not unreserved in RFC 3986.
fn escape(text: &str) -> String {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| {
            if unreserved(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}
