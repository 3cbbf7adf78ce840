//! Errors as answers: status, code, message and what to do, in the real server's form.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::error_chain;
use crate::space::{InvalidSpaceId, SpaceError, SpaceId, StoreError, TierError};
use crate::validation::Refusal;
use crate::wal::WriteError;

/// An answer that is not what the client hoped for.
#[derive(Debug)]
pub(crate) struct ApiError {
    /// The HTTP status.
    pub(crate) status: StatusCode,
    code: &'static str,
    /// What is wrong, in words.
    pub(crate) message: String,
}

impl ApiError {
    /// The request cannot be understood.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: "BAD_REQUEST",
            message: message.into(),
        }
    }

    /// The memory in the request cannot be stored.
    pub(crate) fn invalid_memory(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: "INVALID_MEMORY_INPUT",
            message: message.into(),
        }
    }

    /// There is no memory with the id. The log says so too, in the words of the real server's `CoreError`.
    pub(crate) fn memory_not_found(id: &str) -> Self {
        let shown = id.replace(char::is_control, "?");
        tracing::error!(target: "engram_core::graph", "Memory node '{shown}' not found in graph");
        let message = format!("Memory '{id}' not found");
        Self {
            status: StatusCode::NOT_FOUND,
            code: "MEMORY_NOT_FOUND",
            message,
        }
    }

    /// There is no open space with the id. The log says so too.
    pub(crate) fn space_not_found(id: &str) -> Self {
        let message = format!("Memory space '{id}' not found");
        tracing::error!(target: "engram_core::registry", "{message}");
        Self {
            status: StatusCode::NOT_FOUND,
            code: "RESOURCE_NOT_FOUND",
            message,
        }
    }

    /// Another cycle of consolidation is at work.
    pub(crate) fn busy(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::CONFLICT,
            code: "COMPACTION_IN_PROGRESS",
            message: message.into(),
        }
    }

    /// Nothing may be stored.
    pub(crate) fn read_only() -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: "READ_ONLY",
            message: Refusal::ReadOnly.to_string(),
        }
    }

    /// The space is not there, and may not be made.
    pub(crate) fn read_only_space(id: &SpaceId) -> Self {
        let mut answer = Self::read_only();
        answer.message = format!("{}, and space '{id}' is not there", answer.message);
        answer
    }

    /// A bug of ours.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: "MEMORY_SYSTEM_ERROR",
            message: message.into(),
        }
    }
}

impl From<InvalidSpaceId> for ApiError {
    fn from(error: InvalidSpaceId) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<SpaceError> for ApiError {
    fn from(error: SpaceError) -> Self {
        Self::internal(format!(
            "Failed to access memory space: {}",
            error_chain::one_line(&error)
        ))
    }
}

impl From<TierError> for ApiError {
    fn from(error: TierError) -> Self {
        tracing::error!(target: "engram_core::store", "{error}");
        Self::internal(error.to_string())
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Write(error) => error.into(),
            StoreError::Refused(Refusal::ReadOnly) => Self::read_only(),
            StoreError::Refused(refusal) => Self {
                status: StatusCode::UNPROCESSABLE_ENTITY,
                code: "MEMORY_VALIDATION_ERROR",
                message: refusal.to_string(),
            },
        }
    }
}

impl From<WriteError> for ApiError {
    fn from(error: WriteError) -> Self {
        let mut answer = Self::internal(error.to_string());
        if error.storage_full {
            answer.status = StatusCode::INSUFFICIENT_STORAGE;
        }
        answer
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (context, guidance) = teaching(self.code);
        let body = json!({
            "error": {
                "code": self.code,
                "message": self.message,
                "educational_context": context,
                "cognitive_guidance": guidance,
            },
            "documentation": {
                "api_guide": "/docs/api",
                "memory_concepts": "/docs/memory-systems",
                "examples": "/docs/examples",
            },
        });
        (self.status, Json(body)).into_response()
    }
}

/// What the code means, and what to do next.
fn teaching(code: &str) -> (&'static str, &'static str) {
    match code {
        "INVALID_MEMORY_INPUT" => (
            "A memory has a text, and an embedding of 768 finite numbers if it has one.",
            "Correct the memory and send it again.",
        ),
        "MEMORY_VALIDATION_ERROR" => (
            "This server refuses numbers that are not finite ([validation] in its configuration).",
            "Find out where the client gets such a number from.",
        ),
        "READ_ONLY" => (
            "The server was started with ENGRAM_READONLY, so that nothing is changed.",
            "Read, or send it again when the operators have ended the read-only mode.",
        ),
        "MEMORY_NOT_FOUND" => (
            "A memory is known by its id within one memory space.",
            "Check the id and the header X-Memory-Space.",
        ),
        "RESOURCE_NOT_FOUND" => (
            "A query does not open or make a memory space.",
            "Make or load the space with POST /api/v1/spaces.",
        ),
        "COMPACTION_IN_PROGRESS" => (
            "One cycle of consolidation works at a time.",
            "Wait until it has ended, then ask again.",
        ),
        "MEMORY_SYSTEM_ERROR" => (
            "The server could not read or write the memory space.",
            "Read the server's log; nothing of this request was stored.",
        ),
        _ => (
            "The request could not be understood.",
            "Correct the request and send it again.",
        ),
    }
}
