"""The handlers of HTTP, and the table of routes."""

import array
import math
import re
import time
import uuid

import config
import log
import metrics
import store
from health import constant
from messages import Answer

TARGET = "engram_cli::api"
REMEMBER = [("content", str, False), ("id", str, True), ("embedding", list, True), ("confidence", float, True),
            ("memory_space_id", str, True)]
PROMETHEUS = "text/plain; version=0.0.4"


def refusal(status, code, message, headers=()):
    return Answer(status, {
        "error": {"code": code, "message": message, "educational_context": "See the documentation of this error code.",
                  "cognitive_guidance": "Check the request, then try again."},
        "documentation": {"api_guide": "/docs/api", "memory_concepts": "/docs/concepts", "examples": "/docs/examples"},
    }, headers=headers)


def now():
    return log.now()


def space_of(service, request, body=None, body_first=False):
    """header > ?space= > body > default; for a query body > header. It is made if it is not there."""
    named = [request.headers.get("x-memory-space"), request.query.get("space"), (body or {}).get("memory_space_id")]
    if body_first:
        named = [named[2], named[0]]
    name = next((value for value in named if value is not None), service.registry.default)
    return name


def opened(service, name):
    try:
        return service.registry.open(name)
    except store.BadId as error:
        raise refusal(400, "INVALID_MEMORY_INPUT", str(error)) from error
    except config.Fatal as error:
        raise refusal(500, "MEMORY_SYSTEM_ERROR", f"Failed to access memory space: {error.message}: "
                      + ": ".join(error.causes)) from error


def as_f32(value):
    """A number that does not fit becomes infinite, as with Rust's `as`; it is stored and nothing is said."""
    try:
        return array.array("f", [value])[0]
    except OverflowError:
        return math.copysign(math.inf, value)


# ---- memories -----------------------------------------------------------------------------------

def remember(service, request):
    log.info(TARGET, "Processing remember request")
    body = request.json(REMEMBER)
    embedding = body.get("embedding")
    if embedding is None:
        embedding = [0.5] * store.DIMENSIONS
    elif len(embedding) != store.DIMENSIONS:
        raise refusal(400, "INVALID_MEMORY_INPUT",
                      f"Embedding must have exactly {store.DIMENSIONS} dimensions, got {len(embedding)}")
    return kept(service, request, body, body.get("id") or f"mem_{uuid.uuid4().hex[:16]}",
                array.array("f", [as_f32(value) for value in embedding]))


def create(service, request):
    """Of the body only content and confidence count; id, embedding and space are ignored."""
    body = request.json()
    if not isinstance(body.get("content"), str):
        raise refusal(400, "INVALID_MEMORY_INPUT", "content is required")
    taken = {"content": body["content"], "confidence": body.get("confidence")}
    return kept(service, request, taken, f"mem_{uuid.uuid4().hex[:16]}", array.array("f", [0.5] * store.DIMENSIONS))


def kept(service, request, body, name, embedding):
    space = opened(service, space_of(service, request, body))
    confidence = min(1.0, max(0.0, as_f32(0.7 if body.get("confidence") is None else body["confidence"])))
    memory = store.Memory(name, body["content"], confidence, embedding, time.time())
    space.store(memory)
    category = "High" if confidence >= 0.8 else "Medium" if confidence >= 0.5 else "Low"
    return Answer(201, {
        "memory_id": name,
        "storage_confidence": {"value": round(confidence, 4), "category": category, "reasoning": "Stored"},
        "consolidation_state": "Recent", "observed_at": now(), "stored_at": now(),
        "links": {"consolidation": "/api/v1/consolidations"}, "auto_links": [],
        "system_message": f"Memory '{name}' successfully encoded",
    })


def shown(memory, with_embedding=False):
    value = {"id": memory.id, "content": memory.content, "confidence": round(memory.confidence, 4),
             "timestamp": memory.timestamp}
    if with_embedding:
        value["embedding"] = [x if math.isfinite(x) else None for x in memory.embedding]
    return value


def list_memories(service, request):
    space = opened(service, space_of(service, request))
    tier = request.query.get("tier", "all")
    if tier not in ("hot", "warm", "cold", "all"):
        raise refusal(400, "INVALID_MEMORY_INPUT", f"Unknown tier '{tier}'")
    try:
        limit, offset = int(request.query.get("limit", 100)), int(request.query.get("offset", 0))
    except ValueError as error:
        raise Answer(400, "Failed to deserialize query string: invalid digit found in string", "text/plain; charset=utf-8") from error
    memories = space.listed()
    counts = {name: sum(space.tier_of(memory) == name for memory in memories) for name in ("hot", "warm", "cold")}
    wanted = [memory for memory in memories if tier in ("all", space.tier_of(memory))]
    page = [shown(memory, request.query.get("include_embeddings") == "true") for memory in wanted[offset:offset + limit]]
    return Answer(200, {"memories": page, "count": len(page),
                        "pagination": {"offset": offset, "limit": limit, "returned": len(page)},
                        "tier_counts": {**counts, "total": len(memories)}})


def get_memory(service, request, name):
    memory = opened(service, space_of(service, request)).memories.get(name)
    if memory is None:
        raise refusal(404, "MEMORY_NOT_FOUND", f"Memory '{name}' not found")
    return Answer(200, {**shown(memory), "memory_type": "episodic"})


def delete_memory(service, request, name):
    return Answer(200, {"status": "not_supported", "message": f"Memory '{name}' was not deleted"})


def found(service, request):
    log.info(TARGET, "Processing recall request")
    words = request.query.get("query", request.query.get("cue", "")).lower().split()
    space = opened(service, space_of(service, request))
    hits = [shown(memory) for memory in space.listed() if any(word in memory.content.lower() for word in words)]
    return Answer(200, {"memories": hits[:int(request.query.get("limit", 100))], "count": len(hits)})


def recognize(service, request):
    request.json()
    return Answer(200, {"recognized": False, "confidence": 0.0})


def query(service, request):
    begin = time.monotonic()
    body = request.json([("query_text", str, False), ("memory_space_id", str, True)])
    name = space_of(service, request, body, body_first=True)
    try:
        store.check_id(name)
    except store.BadId as error:
        raise refusal(400, "INVALID_MEMORY_INPUT", str(error)) from error
    space = service.registry.loaded(name)
    if space is None:
        raise refusal(404, "RESOURCE_NOT_FOUND", f"Memory space '{name}' not found")
    kind, _, wanted = body["query_text"].partition(" ")
    if kind.upper() != "RECALL" or not wanted:
        raise refusal(400, "BAD_REQUEST", "Query failed: unexpected token")
    memory = space.memories.get(wanted.strip())
    return Answer(200, {"episodes": [shown(memory)] if memory else [], "total_count": 1 if memory else 0,
                        "aggregate_confidence": {"lower_bound": 0.0, "mean": 0.5, "upper_bound": 1.0, "width": 1.0},
                        "execution_time_ms": int((time.monotonic() - begin) * 1000)})


# ---- spaces, health, metrics, the rest ----------------------------------------------------------

def space_json(space):
    return {"id": space.id, "persistence_root": str(space.root),
            "created_at": space.created_at.isoformat().replace("+00:00", "Z")}


def list_spaces(service, request):
    return Answer(200, {"spaces": [space_json(space) for space in list(service.registry.spaces.values())]})


def create_space(service, request):
    body = request.json([("id", str, False)])
    return Answer(201, space_json(opened(service, body["id"])))


def health(service, request):
    healthy = service.spreading.probe()
    return Answer(200 if healthy else 503, {"service": "engram", "status": "healthy" if healthy else "degraded",
                                           "timestamp": now(), "version": "0.1.0"})


def alive(service, request):
    return Answer(200)


def spreading(service, request):
    return Answer(200 if service.spreading.probe() else 503, service.spreading.as_json())


def system_health(service, request):
    """The body never says "unhealthy": with 503 comes "degraded"."""
    healthy = service.spreading.probe()
    checks = [service.spreading.as_json() if name == "spreading" else constant(name)
              for name in ("error_rate", "latency", "spreading", "memory", "cognitive", "connectivity")]
    wanted = request.query.get("space")
    spaces = [{"space": space.id, "memories": len(space.memories), "pressure": 0.0, "wal_lag_ms": 0.0,
               "consolidation_rate": 0.0}
              for space in list(service.registry.spaces.values()) if wanted in (None, space.id)]
    return Answer(200 if healthy else 503, {"status": "healthy" if healthy else "degraded", "timestamp": now(),
                                           "checks": checks, "spaces": spaces, "cluster": None})


def metrics_json(service, request):
    return Answer(200, {"snapshot": metrics.snapshot(), "export": {"exported": 0, "dropped": 0, "queue_depth": 0}})


def metrics_text(service, request):
    return Answer(200, metrics.prometheus_text(), PROMETHEUS)


def compact(service, request):
    if not service.compacting.acquire(blocking=False):
        raise refusal(409, "COMPACTION_IN_PROGRESS", "Compaction already in progress")
    service.compacting.release()
    return Answer(200, {"compaction": None, "pressure_before": 0.0, "pressure_after": 0.0, "maintenance_triggered": False})


def consolidations(service, request):
    for name in ("novelty_gauge", "novelty_variance", "citation_churn", "freshness_seconds", "citations_current"):
        metrics.sample(f"engram_consolidation_{name}", 0)
    return Answer(200, {"generated_at": now(), "beliefs": [], "stats": {"total_replays": 0, "last_replay_timestamp": None}})


def no_consolidation(service, request, name):
    raise refusal(404, "CONSOLIDATION_NOT_FOUND", f"Consolidation '{name}' not found")


def shutdown(service, request):
    service.shut_down()
    return Answer(200, {"status": "shutdown_initiated", "message": "Server is shutting down gracefully"})


def single_node(service, request):
    raise refusal(501, "FEATURE_NOT_ENABLED", "Cluster mode is not enabled")


def not_shown(service, request, *_):
    raise refusal(501, "NOT_IMPLEMENTED", "The double of this program does not have this route")


def docs(service, request):
    return Answer(307, headers=[("location", "/docs/")])


ROUTES = {
    "/api/v1/memories/remember": {"POST": remember},
    "/api/v1/memories/recall": {"GET": found},
    "/api/v1/memories/recognize": {"POST": recognize},
    "/api/v1/memories/search": {"GET": found},
    "/api/v1/memories": {"GET": list_memories, "POST": create},
    "/api/v1/memories/{}": {"GET": get_memory, "DELETE": delete_memory},
    "/api/v1/consolidations": {"GET": consolidations},
    "/api/v1/consolidations/{}": {"GET": no_consolidation},
    "/api/v1/query/probabilistic": {"GET": not_shown},
    "/api/v1/query": {"POST": query},
    "/api/v1/complete": {"POST": not_shown},
    "/api/v1/episodes/remember": {"POST": not_shown},
    "/api/v1/episodes/replay": {"GET": lambda service, request: Answer(200, {"episodes": []})},
    "/api/v1/spaces": {"GET": list_spaces, "POST": create_space},
    "/api/v1/maintenance/compact": {"POST": compact},
    "/api/v1/system/health": {"GET": system_health},
    "/api/v1/system/introspect": {"GET": not_shown},
    "/api/v1/system/spreading/config": {"GET": not_shown},
    "/api/v1/stream/activities": {"GET": not_shown},
    "/api/v1/stream/memories": {"GET": not_shown},
    "/api/v1/stream/consolidation": {"GET": not_shown},
    "/health": {"GET": health},
    "/health/alive": {"GET": alive},
    "/health/spreading": {"GET": spreading},
    "/metrics": {"GET": metrics_json},
    "/metrics/prometheus": {"GET": metrics_text},
    "/cluster/health": {"GET": single_node},
    "/cluster/nodes": {"GET": single_node},
    "/cluster/migrate": {"POST": single_node},
    "/cluster/rebalance": {"GET": single_node, "POST": single_node},
    "/shutdown": {"POST": shutdown},
    "/docs": {"GET": docs},
}
_PATTERNS = [(re.compile(re.escape(route).replace(r"\{\}", "([^/]+)")), methods) for route, methods in ROUTES.items()]


def find(path):
    """The methods of a path, and its parameters; the fixed paths stand before those with parameters."""
    if path in ROUTES:
        return ROUTES[path], ()
    for pattern, methods in _PATTERNS:
        match = pattern.fullmatch(path)
        if match and match.groups():
            return methods, match.groups()
    return None, ()
