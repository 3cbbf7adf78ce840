//! Listing and making spaces.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::error::ApiError;
use super::operation::on_space;
use crate::space::{Space, SpaceId};

/// The body of `POST /api/v1/spaces`.
#[derive(Debug, Deserialize)]
pub(crate) struct NewSpace {
    id: String,
}

/// `GET /api/v1/spaces`: the spaces that are open.
pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let spaces: Vec<Value> = shared
        .registry
        .loaded()
        .iter()
        .map(|space| description(space))
        .collect();
    Json(json!({ "spaces": spaces }))
}

/// `POST /api/v1/spaces`: 201 also for a space that is there; it is opened if it was not.
pub(crate) async fn create(
    State(shared): State<Arc<Shared>>,
    Json(body): Json<NewSpace>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let id: SpaceId = body.id.parse()?;
    let description = on_space(&shared, "create_space", id, |space| Ok(description(space))).await?;
    Ok((StatusCode::CREATED, Json(description)))
}

fn description(space: &Space) -> Value {
    json!({
        "id": space.id.as_str(),
        "persistence_root": space.root,
        "created_at": space.created_at,
    })
}
