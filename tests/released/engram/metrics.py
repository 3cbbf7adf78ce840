"""The 53 families of /metrics/prometheus, each shown only while it has samples of the last five minutes (F7)."""

import collections
import threading
import time

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"
WINDOW = 300
_names = {
    COUNTER: """engram_spreading_activations_total engram_spreading_latency_budget_violations_total
        engram_spreading_fallback_total engram_spreading_failures_total engram_spreading_breaker_transitions_total
        engram_spreading_gpu_launch_total engram_spreading_gpu_fallback_total engram_cluster_assignments_total
        engram_cluster_rebalance_plans_total engram_consolidation_runs_total engram_consolidation_failures_total
        engram_compaction_attempts_total engram_compaction_success_total engram_compaction_rollback_total
        engram_compaction_episodes_removed engram_compaction_storage_saved_bytes engram_wal_recovery_successes_total
        engram_wal_recovery_failures_total engram_wal_compaction_runs_total engram_wal_compaction_bytes_reclaimed
        adaptive_batch_updates_total adaptive_guardrail_hits_total adaptive_topology_changes_total
        adaptive_fallback_activations_total""",
    GAUGE: """engram_spreading_breaker_state engram_spreading_pool_utilization engram_spreading_pool_hit_rate
        engram_cluster_spaces_per_node engram_consolidation_novelty_gauge engram_consolidation_novelty_variance
        engram_consolidation_citation_churn engram_consolidation_freshness_seconds
        engram_consolidation_citations_current activation_pool_available_records activation_pool_in_flight_records
        activation_pool_high_water_mark activation_pool_total_created activation_pool_total_reused
        activation_pool_miss_count activation_pool_release_failures activation_pool_hit_rate
        activation_pool_utilization adaptive_batch_latency_ewma_ns adaptive_batch_hot_size adaptive_batch_warm_size
        adaptive_batch_cold_size adaptive_batch_hot_confidence adaptive_batch_warm_confidence
        adaptive_batch_cold_confidence""",
    HISTOGRAM: """engram_spreading_latency_hot_seconds engram_spreading_latency_warm_seconds
        engram_spreading_latency_cold_seconds engram_wal_recovery_duration_seconds""",
}
FAMILIES = {name: kind for kind, names in _names.items() for name in names.split()}
POOL = {"available_records": 64, "in_flight_records": 0, "high_water_mark": 1, "total_created": 64, "total_reused": 0,
        "miss_count": 0, "release_failures": 0, "hit_rate": 1, "utilization": 0}

_samples = collections.defaultdict(collections.deque)
_lock = threading.Lock()
_initialised = False


def initialise():
    """What was recovered before, which is the default space, is not counted."""
    global _initialised
    _initialised = True


def sample(name, value, space="default"):
    if not _initialised:
        return
    assert name in FAMILIES, name
    with _lock:
        _samples[name, space].append((time.monotonic(), float(value)))


def spreading_probe(n, latency):
    sample("engram_spreading_activations_total", n)
    sample("engram_spreading_latency_hot_seconds", latency)
    sample("engram_spreading_pool_utilization", 0)
    sample("engram_spreading_pool_hit_rate", 1)
    for name, value in POOL.items():
        sample(f"activation_pool_{name}", value)


def _recent():
    """(name, space) to the values of the last five minutes."""
    oldest, recent = time.monotonic() - WINDOW, {}
    with _lock:
        for key, values in list(_samples.items()):
            while values and values[0][0] < oldest:
                values.popleft()
            if values:
                recent[key] = [value for _, value in values]
            else:
                del _samples[key]
    return recent


def _histogram(name, labels, values):
    """Its buckets are the quantiles of the moment, so that they move."""
    ordered, lines, inner = sorted(values), [], labels[1:-1] + "," if labels else ""
    for part in (0.5, 0.9, 0.99):
        rank = min(len(ordered) - 1, int(part * len(ordered)))
        lines.append(f'{name}_bucket{{{inner}le="{ordered[rank]:.6f}"}} {rank + 1}')
    lines.append(f'{name}_bucket{{{inner}le="+Inf"}} {len(ordered)}')
    return lines + [f"{name}_sum{labels} {sum(values):.6f}", f"{name}_count{labels} {len(values)}"]


def prometheus_text():
    recent, lines = _recent(), []
    for name, kind in FAMILIES.items():
        spaces = sorted(space for family, space in recent if family == name)
        if spaces:
            lines += [f"# HELP {name} {name.replace('_', ' ')}", f"# TYPE {name} {kind}"]
        for space in spaces:
            values = recent[name, space]
            labels = "" if space == "default" else f'{{memory_space="{space}"}}'
            if kind == HISTOGRAM:
                lines += _histogram(name, labels, values)
            else:
                value = sum(values) if kind == COUNTER else sum(values) / len(values)
                lines.append(f"{name}{labels} {value:g}")
    return "\n".join(lines) + "\n"


def snapshot():
    five = {}
    for (name, _), values in _recent().items():
        ordered = sorted(values)
        at = lambda part: ordered[min(len(ordered) - 1, int(part * len(ordered)))]
        five[name] = {"count": len(values), "sum": sum(values), "mean": sum(values) / len(values), "min": ordered[0],
                      "max": ordered[-1], "p50": at(0.5), "p90": at(0.9), "p99": at(0.99)}
    return {"schema_version": "1.1.0", "one_second": {}, "ten_seconds": {}, "one_minute": {}, "five_minutes": five,
            "spreading": {}}
