//! `GET /api-docs/openapi.json`: the routes, as `OpenAPI` 3.0 describes them.
//!
//! Written by hand, one line for a route and a method. A test requests each of them with its example, and compares
//! the list with the router.

use axum::Json;
use serde_json::{Map, Value, json};

/// One method of one path.
struct Route {
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    /// The parameters of the query, each with an example.
    query: &'static [(&'static str, &'static str)],
    /// A body, in JSON, that is answered with the first of the statuses.
    body: Option<&'static str>,
    statuses: &'static [u16],
}

/// Reads and has no body.
const fn get(path: &'static str, summary: &'static str, statuses: &'static [u16]) -> Route {
    Route {
        method: "get",
        path,
        summary,
        query: &[],
        body: None,
        statuses,
    }
}

/// Changes something.
const fn post(path: &'static str, summary: &'static str, statuses: &'static [u16]) -> Route {
    Route {
        method: "post",
        ..get(path, summary, statuses)
    }
}

impl Route {
    const fn with_query(self, query: &'static [(&'static str, &'static str)]) -> Self {
        Self { query, ..self }
    }

    const fn with_body(self, body: &'static str) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }
}

const READ: &[u16] = &[200, 400, 500, 503];
const STORE: &[u16] = &[201, 400, 413, 415, 422, 500, 503, 507];
const HEALTH: &[u16] = &[200, 503];
const SPACE: (&str, &str) = ("space", "default");

/// A query by an embedding: `{"embedding":[1,1,…]}`, with as many numbers as it must have.
const EMBEDDING: &str = {
    const START: &[u8] = b"{\"embedding\":[";
    const NUMBERS: usize = 2 * crate::memory::EMBEDDING_DIMENSIONS;
    const BYTES: [u8; START.len() + NUMBERS + 1] = {
        let mut bytes = [b'1'; START.len() + NUMBERS + 1];
        let mut at = 0;
        while at < START.len() {
            bytes[at] = START[at];
            at += 1;
        }
        while at < START.len() + NUMBERS {
            bytes[at + 1] = b',';
            at += 2;
        }
        bytes[at - 1] = b']';
        bytes[at] = b'}';
        bytes
    };
    match std::str::from_utf8(&BYTES) {
        Ok(text) => text,
        Err(_) => "",
    }
};

/// All routes, sorted by path.
const ROUTES: &[Route] = &[
    get("/api-docs/openapi.json", "This description", &[200]),
    get(
        "/api/v1/consolidations",
        "What has been consolidated",
        &[200],
    ),
    post(
        "/api/v1/episodes/remember",
        "Store what happened, when, where and why",
        STORE,
    )
    .with_body(r#"{"id":"outage","when":"2026-11-25T03:00:00Z","what":"The disk was full.","where_location":"host 4","who":["night shift"],"importance":0.9}"#),
    post(
        "/api/v1/maintenance/compact",
        "Compact the logs",
        &[200, 409, 500, 503],
    ),
    get("/api/v1/memories", "List memories", READ).with_query(&[
        ("tier", "all"),
        ("limit", "10"),
        ("offset", "0"),
        ("include_embeddings", "false"),
        SPACE,
    ]),
    post("/api/v1/memories", "Store a text", STORE)
        .with_body(r#"{"content":"The night shift watches host 4.","confidence":0.9}"#),
    get(
        "/api/v1/memories/recall",
        "Find memories by their words",
        READ,
    )
    .with_query(&[("query", "disk"), ("limit", "10"), SPACE]),
    post(
        "/api/v1/memories/recognize",
        "Find memories by an embedding of 768 numbers",
        &[200, 400, 415, 422, 500],
    )
    .with_body(EMBEDDING),
    post("/api/v1/memories/remember", "Store a memory", STORE)
        .with_body(r#"{"id":"example","content":"The migration starts on Monday.","confidence":0.9,"tags":["plan"]}"#),
    get(
        "/api/v1/memories/search",
        "Find memories by their words, as a list",
        READ,
    )
    .with_query(&[("query", "disk"), ("limit", "10"), SPACE]),
    Route {
        method: "delete",
        ..get(
            "/api/v1/memories/{id}",
            "Says that deleting is not supported",
            &[200],
        )
    },
    get(
        "/api/v1/memories/{id}",
        "The memory with this id",
        &[200, 400, 404, 500],
    )
    .with_query(&[SPACE]),
    post(
        "/api/v1/query",
        "Recall by a query",
        &[200, 400, 404, 415, 422, 500],
    )
    .with_body(r#"{"query_text":"RECALL disk","memory_space_id":"default"}"#),
    get("/api/v1/spaces", "List the open spaces", &[200]),
    post("/api/v1/spaces", "Make or open a space", STORE).with_body(r#"{"id":"tenant_a"}"#),
    get(
        "/api/v1/stream/memories",
        "What is stored from now on, as server-sent events",
        READ,
    )
    .with_query(&[SPACE]),
    get(
        "/api/v1/system/health",
        "Each check, each open space, each index",
        &[200, 400, 404, 503],
    )
    .with_query(&[SPACE]),
    get(
        "/api/v1/system/introspect",
        "What the server knows about itself",
        &[200],
    ),
    post(
        "/api/v1/system/rebuild-indices",
        "Build the word indices anew",
        &[202, 400, 404, 500, 503],
    )
    .with_query(&[SPACE]),
    get("/health", "Is the server well?", HEALTH),
    get("/health/alive", "Does the server answer?", &[200]),
    get(
        "/health/spreading",
        "Does a recall find what is stored?",
        HEALTH,
    ),
    get(
        "/metrics",
        "The last minutes as JSON, or Prometheus text if that is accepted",
        &[200],
    ),
    get("/metrics/prometheus", "Metrics as Prometheus text", &[200]),
    post("/shutdown", "Stop the server", &[200]),
];

/// The description.
pub(crate) async fn document() -> Json<Value> {
    let mut paths = Map::new();
    for route in ROUTES {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method] = operation(route);
    }
    Json(json!({
        "openapi": "3.0.3",
        "info": {
            "title": "Engram, the reference test instance",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The routes of the real Engram that the runbook touches.",
        },
        "paths": paths,
    }))
}

fn operation(route: &Route) -> Value {
    let mut parameters: Vec<Value> = route
        .query
        .iter()
        .map(|(name, example)| parameter(name, "query", example))
        .collect();
    if route.path.contains("{id}") {
        let mut id = parameter("id", "path", "example");
        id["required"] = json!(true);
        parameters.push(id);
    }
    if route.path.starts_with("/api/v1/") && !route.path.starts_with("/api/v1/system/") {
        parameters.push(parameter("X-Memory-Space", "header", "default"));
    }
    let responses: Map<String, Value> = route
        .statuses
        .iter()
        .map(|status| {
            (
                status.to_string(),
                json!({ "description": meaning(*status) }),
            )
        })
        .collect();
    let mut operation = json!({
        "summary": route.summary,
        "parameters": parameters,
        "responses": responses,
    });
    if let Some(body) = route.body {
        // The test sends each example, so that one which is no JSON does not stay unnoticed.
        let example: Value = serde_json::from_str(body).unwrap_or_default();
        operation["requestBody"] = json!({
            "required": true,
            "content": { "application/json": { "schema": { "type": "object" }, "example": example } },
        });
    }
    operation
}

fn parameter(name: &str, place: &str, example: &str) -> Value {
    json!({ "name": name, "in": place, "schema": { "type": "string" }, "example": example })
}

fn meaning(status: u16) -> &'static str {
    match status {
        200 => "It is done, or here it is",
        201 => "It is on the disk",
        202 => "It has begun",
        400 => "The request cannot be understood",
        404 => "There is no such memory or space",
        409 => "It is being done already",
        413 => "The body is too big",
        415 => "The body is not announced as JSON",
        422 => "The JSON has another shape",
        503 => "A check is unhealthy, or nothing may be stored",
        507 => "The disk is full",
        _ => "The server could not do it",
    }
}
