//! `GET /api/v1/stream/memories`: what is stored in a space, as server-sent events, from now on.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use tokio_stream::{Stream, StreamExt};

use super::Shared;
use super::error::ApiError;
use super::memories::SpaceQuery;
use super::operation::{on_space, space_of};

/// So that a connection that is dead is noticed, and one that is idle is not closed by a proxy.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Each event has the name `memory` and a JSON object. The stream ends when the server stops.
pub(crate) async fn memories(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(query): Query<SpaceQuery>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let space = space_of(&shared, &headers, query.space.as_deref(), None)?;
    let events = on_space(&shared, "stream", space, |space| {
        Ok(space.stream().subscribe())
    })
    .await?;
    let events = events.map(|event| Ok(Event::default().event("memory").data(event)));
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}
