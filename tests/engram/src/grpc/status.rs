//! Refusals of the HTTP side as gRPC statuses.

use axum::http::StatusCode;
use tonic::{Code, Status};

use crate::http::error::ApiError;

/// The same refusal, with the same words.
pub(super) fn refusal(error: ApiError) -> Status {
    let code = match error.status {
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => Code::InvalidArgument,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::NOT_FOUND => Code::NotFound,
        StatusCode::REQUEST_TIMEOUT => Code::DeadlineExceeded,
        StatusCode::CONFLICT => Code::FailedPrecondition,
        StatusCode::NOT_IMPLEMENTED => Code::Unimplemented,
        StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
        StatusCode::INSUFFICIENT_STORAGE => Code::ResourceExhausted,
        _ => Code::Internal,
    };
    Status::new(code, error.message)
}
