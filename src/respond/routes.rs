//! What is answered on which path, and to whom.

use super::desk::{Accepted, Desk};
use super::notification::Notification;
use super::token::Token;
use super::view;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The largest body; Alertmanager's are some kilobytes.
pub(super) const MAX_BODY: usize = 1024 * 1024;

/// After this many seconds Alertmanager may come again.
const RETRY_AFTER: &str = "30";

/// What every request needs.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) desk: Arc<Desk>,
    pub(super) token: Option<Arc<Token>>,
    pub(super) client_timeout: Duration,
}

pub(super) fn router(shared: Shared) -> Router {
    let guarded = Router::new()
        .route("/alerts", post(take))
        .route("/reports", get(list))
        .route("/reports.json", get(list_json))
        .route("/reports/{id}", get(report))
        .route("/metrics", get(metrics))
        .layer(from_fn_with_state(shared.clone(), guard));
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .merge(guarded)
        .layer(axum::middleware::map_response(harmless))
        .with_state(shared)
}

/// Browsers load nothing for our pages, run nothing on them, and keep none.
async fn harmless(mut response: Response) -> Response {
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Lets in who shows the token. Without one only this machine is served, and a web page that makes
/// its own name mean 127.0.0.1 must not read reports through a browser here.
async fn guard(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let refused = match &shared.token {
        Some(token) => {
            let shown = request.headers().get(header::AUTHORIZATION);
            let is_right = shown.is_some_and(|value| token.is_shown_by(value.as_bytes()));
            (!is_right).then(|| {
                let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
                let text = "show the token: `Authorization: Bearer …`\n";
                let answer = (StatusCode::UNAUTHORIZED, challenge, text);
                ("unauthorized", answer.into_response())
            })
        }
        None => (!is_local(request.headers())).then(|| {
            let text = "without a token this answers to addresses and `localhost` only\n";
            ("refused", (StatusCode::FORBIDDEN, text).into_response())
        }),
    };
    match refused {
        Some((result, response)) => {
            if request.uri().path() == "/alerts" {
                shared.desk.metrics.notification(result);
            }
            response
        }
        None => next.run(request).await,
    }
}

/// Whether the name by which we were called is an address, or `localhost`.
fn is_local(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).map(HeaderValue::to_str);
    let Some(Ok(host)) = host else {
        // HTTP/1.0 clients may send none; browsers always do.
        return host.is_none();
    };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

/// A notification of Alertmanager.
async fn take(State(shared): State<Shared>, request: Request) -> Response {
    let (result, response) = match read(&shared, request).await {
        Ok(body) => {
            let desk = Arc::clone(&shared.desk);
            // It writes the report to disk.
            let answer = tokio::task::spawn_blocking(move || answer(&desk, &body)).await;
            answer.unwrap_or_else(|_| {
                let text = "this notification cannot be handled\n";
                let response = (StatusCode::INTERNAL_SERVER_ERROR, text).into_response();
                ("refused", response)
            })
        }
        Err(refused) => refused,
    };
    shared.desk.metrics.notification(result);
    response
}

type Answer = (&'static str, Response);

/// The body, if it comes in time, is not too large and says that it is JSON. A page in a browser
/// cannot send that to us unasked.
async fn read(shared: &Shared, request: Request) -> Result<Vec<u8>, Answer> {
    let refuse = |result, status: StatusCode, text: String| {
        Err((result, (status, text + "\n").into_response()))
    };
    let too_large = || format!("a notification has at most {MAX_BODY} bytes");
    let (head, body) = request.into_parts();
    let value = |name| {
        let value = head.headers.get(name);
        value.and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let kind = value(header::CONTENT_TYPE).unwrap_or_default();
    if !kind.to_ascii_lowercase().starts_with("application/json") {
        let text = "send `Content-Type: application/json`".to_owned();
        return refuse("refused", StatusCode::UNSUPPORTED_MEDIA_TYPE, text);
    }
    let length = value(header::CONTENT_LENGTH).and_then(|text| text.parse::<usize>().ok());
    if length.is_some_and(|length| length > MAX_BODY) {
        return refuse("too_large", StatusCode::PAYLOAD_TOO_LARGE, too_large());
    }
    let body = to_bytes(body, MAX_BODY);
    match tokio::time::timeout(shared.client_timeout, body).await {
        Ok(Ok(body)) => Ok(body.to_vec()),
        Ok(Err(error)) if is_length_limit(&error) => {
            refuse("too_large", StatusCode::PAYLOAD_TOO_LARGE, too_large())
        }
        Ok(Err(_)) => {
            let text = "the body ended too early".to_owned();
            refuse("bad_request", StatusCode::BAD_REQUEST, text)
        }
        Err(_) => {
            let text = "the body did not come in time".to_owned();
            refuse("timeout", StatusCode::REQUEST_TIMEOUT, text)
        }
    }
}

/// Whether a body was longer than allowed; else its client broke off.
fn is_length_limit(error: &axum::Error) -> bool {
    let source = std::error::Error::source(error);
    source.is_some_and(|source| source.to_string() == "length limit exceeded")
}

fn answer(desk: &Desk, body: &[u8]) -> Answer {
    let notification = match Notification::parse(body) {
        Ok(notification) => notification,
        Err(error) => {
            let response = (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response();
            return ("bad_request", response);
        }
    };
    let again = |text: &'static str| {
        let retry = [(header::RETRY_AFTER, RETRY_AFTER)];
        (StatusCode::SERVICE_UNAVAILABLE, retry, text).into_response()
    };
    match desk.receive(&notification) {
        Accepted::Queued(id) => (
            "accepted",
            format!("queued: /reports/{id}\n").into_response(),
        ),
        Accepted::Repeated => ("repeated", "seen before\n".into_response()),
        Accepted::Resolved(n) => ("resolved", format!("{n} reports closed\n").into_response()),
        Accepted::Ignored => ("ignored", "no severity that is answered\n".into_response()),
        Accepted::Full => ("queue_full", again("the queue is full\n")),
        Accepted::Stopping => ("stopping", again("the responder ends\n")),
    }
}

fn html(text: String) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    (kind, text).into_response()
}

fn json(value: &impl serde::Serialize) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    match serde_json::to_string_pretty(value) {
        Ok(text) => (kind, text + "\n").into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn list(State(shared): State<Shared>) -> Response {
    html(view::list(&shared.desk.reports()))
}

async fn list_json(State(shared): State<Shared>) -> Response {
    json(&shared.desk.reports())
}

/// The id is a key of a map and never a path.
async fn report(State(shared): State<Shared>, Path(name): Path<String>) -> Response {
    let (id, as_json) = match name.strip_suffix(".json") {
        Some(id) => (id, true),
        None => (name.as_str(), false),
    };
    match shared.desk.report(id) {
        Some(report) if as_json => json(&report),
        Some(report) => html(view::page(&report)),
        None => (
            StatusCode::NOT_FOUND,
            Body::from("there is no such report\n"),
        )
            .into_response(),
    }
}

async fn metrics(State(shared): State<Shared>) -> Response {
    let kind = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    (kind, shared.desk.metrics_text()).into_response()
}
