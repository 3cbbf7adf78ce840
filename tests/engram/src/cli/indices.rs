//! `engram rebuild-indices`, by asking the server.

use std::error::Error;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use crate::space::SpaceId;
use crate::{client, out};

/// How often the server is asked whether it is ready.
const POLL: Duration = Duration::from_millis(100);

/// Options of the command.
#[derive(Debug, Args)]
pub(super) struct RebuildArguments {
    /// The memory space, or `all`.
    #[arg(long)]
    space: String,
    /// Do not wait for the end.
    #[arg(long)]
    background: bool,
}

/// Why a rebuild did not succeed.
#[derive(Debug, thiserror::Error)]
#[error("Index rebuild failed")]
struct Failed(#[source] Reasons);

#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
struct Reasons(Vec<String>);

/// Fails if no server answers, if it refuses, or if an index is not healthy at the end.
pub(super) fn rebuild(arguments: &RebuildArguments) -> Result<(), Box<dyn Error>> {
    let port = client::server()?.port;
    let scope = match arguments.space.as_str() {
        "all" => String::new(),
        id => format!("?space={}", id.parse::<SpaceId>()?),
    };
    let path = format!("/api/v1/system/rebuild-indices{scope}");
    let answer = client::request(port, "POST", &path, None, None)?.granted()?;
    let texts = |name: &str| -> Vec<String> {
        let items = answer[name].as_array().into_iter().flatten();
        items
            .map(|item| item.as_str().unwrap_or_default().to_owned())
            .collect()
    };
    let ids = [texts("spaces"), texts("already_running")].concat();
    let mut failures: Vec<String> = answer["failed"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|failure| line(failure, "not opened"))
        .collect();
    if arguments.background {
        out::line(&format!("Index rebuild started: {}", ids.join(", ")));
    } else {
        failures.extend(wait(port, &ids)?);
    }
    if failures.is_empty() {
        return Ok(());
    }
    Err(Failed(Reasons(failures)).into())
}

/// Waits until no index of the spaces is being rebuilt. Prints each, and returns what is wrong.
fn wait(port: u16, ids: &[String]) -> Result<Vec<String>, Box<dyn Error>> {
    loop {
        // 503 is a health as well.
        let answer = client::request(port, "GET", "/api/v1/system/health", None, None)?;
        let health: Value = serde_json::from_str(&answer.body)?;
        let indices: Vec<&Value> = health["indices"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|index| ids.iter().any(|id| index["space"] == id.as_str()))
            .collect();
        if indices.iter().any(|index| index["status"] == "rebuilding") {
            std::thread::sleep(POLL);
            continue;
        }
        let well = |index: &Value| index["status"] == "healthy" && index["reason"].is_null();
        let (good, bad): (Vec<&Value>, Vec<&Value>) =
            indices.into_iter().partition(|index| well(index));
        for index in good {
            let (space, entries) = (&index["space"], &index["entries"]);
            out::line(&format!(
                "Index of space {space} rebuilt: {entries} memories"
            ));
        }
        let status = |index: &Value| index["status"].as_str().unwrap_or_default().to_owned();
        return Ok(bad
            .into_iter()
            .map(|index| line(index, &status(index)))
            .collect());
    }
}

fn line(about: &Value, status: &str) -> String {
    let text = |name: &str| about[name].as_str().unwrap_or_default();
    format!("space '{}': {status}: {}", text("space"), text("reason"))
}
