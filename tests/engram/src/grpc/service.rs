//! `engram.v1.EngramService`: each method hands its request to the work that the HTTP route of the same name does.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::proto::engram_service_server::EngramService;
use super::proto::{
    ExecuteQueryRequest, ExecuteQueryResponse, IntrospectRequest, IntrospectResponse, Memory,
    RecallRequest, RecallResponse, RememberRequest, RememberResponse, SpaceState,
};
use super::status::refusal;
use crate::http::error::ApiError;
use crate::http::memories::{Client, Remember, keep};
use crate::http::operation::{space_of, space_of_query};
use crate::http::recall::{DEFAULT_LIMIT, find_in};
use crate::http::{Shared, query};
use crate::memory;
use crate::space::SpaceId;

/// The service over the spaces that HTTP serves, too.
#[derive(Debug)]
pub(super) struct Service {
    shared: Arc<Shared>,
}

impl Service {
    /// A service on what the handlers share.
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
        }
    }

    /// The space that a request is about: metadata, then the message, then the default.
    fn space<T>(&self, request: &Request<T>, message: &str) -> Result<SpaceId, Status> {
        let headers = request.metadata().as_ref();
        space_of(&self.shared, headers, None, given(message)).map_err(refusal)
    }
}

#[tonic::async_trait]
impl EngramService for Service {
    async fn remember(
        &self,
        request: Request<RememberRequest>,
    ) -> Result<Response<RememberResponse>, Status> {
        let space = self.space(&request, &request.get_ref().memory_space_id)?;
        let address = request.remote_addr().unwrap_or(([0, 0, 0, 0], 0).into());
        let client = Client::of(request.metadata().as_ref(), address);
        let body = body_of(request.into_inner()).map_err(refusal)?;
        let memory = keep(&self.shared, space, body, &client)
            .await
            .map_err(refusal)?;
        Ok(Response::new(RememberResponse {
            memory_id: memory.id,
            storage_confidence: memory.confidence,
            stored_at: memory.timestamp.to_string(),
        }))
    }

    async fn recall(
        &self,
        request: Request<RecallRequest>,
    ) -> Result<Response<RecallResponse>, Status> {
        let space = self.space(&request, &request.get_ref().memory_space_id)?;
        let RecallRequest {
            cue, max_results, ..
        } = request.into_inner();
        if cue.trim().is_empty() {
            return Err(refusal(ApiError::bad_request("Give a cue")));
        }
        tracing::info!(target: "engram_cli::api", "Processing recall request");
        let limit = match usize::try_from(max_results) {
            Ok(0) | Err(_) => DEFAULT_LIMIT,
            Ok(limit) => limit,
        };
        let found = find_in(&self.shared, space, "recall", cue, limit)
            .await
            .map_err(refusal)?;
        let confidences = found.iter().map(|memory| memory.confidence);
        Ok(Response::new(RecallResponse {
            recall_confidence: confidences.fold(0.0, f64::max),
            memories: found.iter().map(|memory| Memory::from(&**memory)).collect(),
        }))
    }

    async fn execute_query(
        &self,
        request: Request<ExecuteQueryRequest>,
    ) -> Result<Response<ExecuteQueryResponse>, Status> {
        let message = request.get_ref();
        let headers = request.metadata().as_ref();
        let space = space_of_query(&self.shared, headers, given(&message.memory_space_id))
            .map_err(refusal)?;
        let episodes = query::run(&self.shared, &space, &message.query_text).map_err(refusal)?;
        Ok(Response::new(ExecuteQueryResponse {
            total_count: count(episodes.len()),
            episodes: episodes
                .iter()
                .map(|memory| Memory::from(&**memory))
                .collect(),
        }))
    }

    async fn introspect(
        &self,
        request: Request<IntrospectRequest>,
    ) -> Result<Response<IntrospectResponse>, Status> {
        let mut spaces = self.shared.registry.loaded();
        if let Some(wanted) = given(&request.get_ref().memory_space_id) {
            let wanted: SpaceId = wanted
                .parse()
                .map_err(|error| refusal(ApiError::from(error)))?;
            spaces.retain(|space| space.id == wanted);
            if spaces.is_empty() {
                return Err(refusal(ApiError::space_not_found(wanted.as_str())));
            }
        }
        let (status, _) = self.shared.health.check().await;
        let spaces: Vec<SpaceState> = spaces
            .iter()
            .map(|space| SpaceState {
                memory_space_id: space.id.to_string(),
                memories: count(space.count()),
                wal_lag_seconds: self
                    .shared
                    .consolidator
                    .config
                    .lag(space.log().oldest_ns)
                    .as_secs_f64(),
            })
            .collect();
        Ok(Response::new(IntrospectResponse {
            version: env!("CARGO_PKG_VERSION").into(),
            status: status.as_str().into(),
            total_memories: spaces.iter().map(|space| space.memories).sum(),
            spaces,
        }))
    }
}

impl From<&memory::Memory> for Memory {
    fn from(memory: &memory::Memory) -> Self {
        Self {
            id: memory.id.clone(),
            content: memory.content.clone(),
            confidence: memory.confidence,
            timestamp: memory.timestamp.to_string(),
            tags: memory.tags.clone(),
        }
    }
}

/// JSON has no NaN, Protocol Buffers do: here it must be looked for.
fn body_of(message: RememberRequest) -> Result<Remember, ApiError> {
    if message.confidence.is_some_and(|number| !number.is_finite()) {
        return Err(ApiError::invalid_memory(
            "confidence is not a finite number",
        ));
    }
    Ok(Remember {
        content: message.content,
        id: Some(message.id),
        embedding: Some(message.embedding).filter(|numbers| !numbers.is_empty()),
        confidence: message.confidence,
        tags: message.tags,
        memory_space_id: None,
    })
}

/// An empty text is one that was not given.
fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
