//! `POST /api/v1/episodes/remember`: what happened, when, where and why, stored as one memory.
//!
//! A memory is a text, so the answers to the questions become lines of it: so none of them is lost, and a recall finds
//! the episode by each.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::error::ApiError;
use super::memories::{Client, Remember, SpaceQuery, keep, stored};
use super::operation::space_of;

/// The body, with the names of the real server. Other fields are ignored.
#[derive(Debug, Deserialize)]
pub(crate) struct Episode {
    id: Option<String>,
    when: Timestamp,
    what: String,
    where_location: Option<String>,
    #[serde(default)]
    who: Vec<String>,
    why: Option<String>,
    how: Option<String>,
    embedding: Option<Vec<f32>>,
    importance: Option<f64>,
    memory_space_id: Option<String>,
}

/// 201 when the episode is on the disk. Its importance is the confidence of the memory.
pub(crate) async fn remember(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Query(query): Query<SpaceQuery>,
    Json(episode): Json<Episode>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let space = space_of(
        &shared,
        &headers,
        query.space.as_deref(),
        episode.memory_space_id.as_deref(),
    )?;
    if episode.what.trim().is_empty() {
        return Err(ApiError::invalid_memory("what is empty"));
    }
    let client = Client::of(&headers, peer);
    let when = episode.when;
    let memory = Remember {
        content: text_of(&episode),
        id: episode.id,
        embedding: episode.embedding,
        confidence: episode.importance,
        tags: Vec::new(),
        memory_space_id: None,
    };
    let mut answer = stored(&keep(&shared, space, memory, &client).await?);
    answer["observed_at"] = json!(when);
    Ok((StatusCode::CREATED, Json(answer)))
}

fn text_of(episode: &Episode) -> String {
    let mut lines = vec![episode.what.clone(), format!("When: {}", episode.when)];
    let who = (!episode.who.is_empty()).then(|| episode.who.join(", "));
    let answers = [
        ("Where", &episode.where_location),
        ("Who", &who),
        ("Why", &episode.why),
        ("How", &episode.how),
    ];
    for (question, answer) in answers {
        if let Some(answer) = answer.as_deref().filter(|answer| !answer.trim().is_empty()) {
            lines.push(format!("{question}: {answer}"));
        }
    }
    lines.join("\n")
}
