//! Storing memories and getting them back by id.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Json;
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::header::USER_AGENT;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::error::ApiError;
use super::operation::{on_space, space_of};
use crate::memory::{EMBEDDING_DIMENSIONS, Memory};
use crate::space::{SpaceId, Tier};

const DEFAULT_CONFIDENCE: f64 = 0.7;
const DEFAULT_LIMIT: usize = 100;

/// The body of `POST /api/v1/memories/remember`. Other fields are ignored, as the real server does.
#[derive(Debug, Deserialize)]
pub(crate) struct Remember {
    pub(crate) content: String,
    pub(crate) id: Option<String>,
    pub(crate) embedding: Option<Vec<f32>>,
    pub(crate) confidence: Option<f64>,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    pub(crate) memory_space_id: Option<String>,
}

/// `?space=` alone.
#[derive(Debug, Deserialize)]
pub(crate) struct SpaceQuery {
    pub(crate) space: Option<String>,
}

/// The query of `GET /api/v1/memories`.
#[derive(Debug, Deserialize)]
pub(crate) struct ListQuery {
    space: Option<String>,
    tier: Option<String>,
    limit: Option<usize>,
    offset: Option<usize>,
    #[serde(default)]
    include_embeddings: bool,
}

/// `POST /api/v1/memories/remember`: 201 when the memory is on the disk, and only then.
pub(crate) async fn remember(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Query(query): Query<SpaceQuery>,
    Json(body): Json<Remember>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let space = space_of(
        &shared,
        &headers,
        query.space.as_deref(),
        body.memory_space_id.as_deref(),
    )?;
    let client = Client::of(&headers, peer);
    let answer = stored(&keep(&shared, space, body, &client).await?);
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Who sent a request, as far as it is known. The log names it, so that the source of bad memories can be found.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    /// What it calls itself.
    pub(crate) agent: String,
}

impl Client {
    /// The address that a request came from, and its header `User-Agent`.
    pub(crate) fn of(headers: &HeaderMap, address: SocketAddr) -> Self {
        let agent = headers.get(USER_AGENT).map(HeaderValue::to_str);
        Self {
            address,
            agent: agent.and_then(Result::ok).unwrap_or_default().to_owned(),
        }
    }
}

/// Stores what a client sent, over whichever protocol. Returns when it is on the disk.
pub(crate) async fn keep(
    shared: &Arc<Shared>,
    space: SpaceId,
    body: Remember,
    client: &Client,
) -> Result<Memory, ApiError> {
    let memory = memory_of(body)?;
    let Client { address, agent } = client;
    tracing::info!(target: "engram_cli::api", space = %space, client = %address, agent = ?agent, "Processing remember request for memory '{}'", memory.id);
    on_space(shared, "remember", space, move |space| {
        Ok(space.store(memory)?)
    })
    .await
}

/// `POST /api/v1/memories`: takes only `content` and `confidence`, like the real server.
pub(crate) async fn create(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(query): Query<SpaceQuery>,
    Json(body): Json<Value>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let space = space_of(&shared, &headers, query.space.as_deref(), None)?;
    let content = body.get("content").and_then(Value::as_str);
    let content = content
        .ok_or_else(|| ApiError::invalid_memory("Missing required field: content"))?
        .to_owned();
    let confidence = serde_json::from_value(body.get("confidence").cloned().unwrap_or_default());
    let confidence =
        confidence.map_err(|_| ApiError::invalid_memory("confidence is not a number"))?;
    let memory = memory_of(Remember {
        content,
        id: None,
        embedding: None,
        confidence,
        tags: Vec::new(),
        memory_space_id: None,
    })?;
    let memory = on_space(&shared, "remember", space, move |space| {
        Ok(space.store(memory)?)
    })
    .await?;
    Ok((StatusCode::CREATED, Json(stored(&memory))))
}

/// `GET /api/v1/memories/{id}`.
pub(crate) async fn get(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Query(query): Query<SpaceQuery>,
) -> Result<Json<Value>, ApiError> {
    let space = space_of(&shared, &headers, query.space.as_deref(), None)?;
    let find = move |space: &crate::space::Space| {
        space
            .get(&id)?
            .ok_or_else(|| ApiError::memory_not_found(&id))
    };
    let memory = on_space(&shared, "get", space, find).await?;
    let mut object = summary(&memory, false);
    object["memory_type"] = json!("episodic");
    Ok(Json(object))
}

/// `GET /api/v1/memories`: those of a tier, or all.
pub(crate) async fn list(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(query): Query<ListQuery>,
) -> Result<Json<Value>, ApiError> {
    let space = space_of(&shared, &headers, query.space.as_deref(), None)?;
    let tier: Tier = query
        .tier
        .as_deref()
        .unwrap_or("all")
        .parse()
        .map_err(ApiError::bad_request)?;
    let (offset, limit) = (
        query.offset.unwrap_or(0),
        query.limit.unwrap_or(DEFAULT_LIMIT),
    );
    let page =
        move |space: &crate::space::Space| Ok((space.list(tier, offset, limit)?, space.tiers()));
    let (memories, counts) = on_space(&shared, "list", space, page).await?;
    let memories: Vec<Value> = memories
        .iter()
        .map(|memory| summary(memory, query.include_embeddings))
        .collect();
    Ok(Json(json!({
        "count": memories.len(),
        "pagination": { "offset": offset, "limit": limit, "returned": memories.len() },
        "tier_counts": {
            "hot": counts.hot,
            "warm": 0,
            "cold": counts.cold,
            "total": counts.hot + counts.cold,
        },
        "memories": memories,
    })))
}

/// `DELETE /api/v1/memories/{id}`: the real server cannot delete either.
pub(crate) async fn delete(Path(id): Path<String>) -> Json<Value> {
    Json(json!({
        "status": "not_supported",
        "memory_id": id,
        "message": "Deleting single memories is not supported",
    }))
}

/// A memory as lists show it.
pub(crate) fn summary(memory: &Memory, with_embedding: bool) -> Value {
    let mut object = json!({
        "id": memory.id,
        "content": memory.content,
        "confidence": memory.confidence,
        "timestamp": memory.timestamp,
    });
    if with_embedding {
        object["embedding"] = json!(memory.embedding);
    }
    object
}

/// In words, as the real server says it.
pub(crate) fn category(confidence: f64) -> &'static str {
    match confidence {
        value if value >= 0.8 => "High",
        value if value >= 0.5 => "Medium",
        _ => "Low",
    }
}

fn memory_of(body: Remember) -> Result<Memory, ApiError> {
    if body.content.trim().is_empty() {
        return Err(ApiError::invalid_memory("content is empty"));
    }
    if let Some(embedding) = &body.embedding
        && embedding.len() != EMBEDDING_DIMENSIONS
    {
        let message = format!(
            "Embedding must have exactly {EMBEDDING_DIMENSIONS} dimensions, got {}",
            embedding.len()
        );
        return Err(ApiError::invalid_memory(message));
    }
    Ok(Memory {
        id: body.id.filter(|id| !id.is_empty()).unwrap_or_else(new_id),
        content: body.content,
        confidence: body.confidence.unwrap_or(DEFAULT_CONFIDENCE),
        timestamp: Timestamp::now(),
        tags: body.tags,
        embedding: body.embedding,
    })
}

/// Unique among all starts: the time, and a number within this one.
fn new_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!(
        "mem_{:x}_{:x}",
        Timestamp::now().as_nanosecond(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

/// The answer to whoever stored a memory.
pub(crate) fn stored(memory: &Memory) -> Value {
    json!({
        "memory_id": memory.id,
        "storage_confidence": {
            "value": memory.confidence,
            "category": category(memory.confidence),
            "reasoning": "The confidence that the client gave, within 0 and 1",
        },
        "consolidation_state": "Recent",
        "observed_at": memory.timestamp,
        "stored_at": memory.timestamp,
        "links": { "consolidation": "/api/v1/consolidations" },
        "auto_links": [],
        "system_message": format!("Memory '{}' is on the disk", memory.id),
    })
}
