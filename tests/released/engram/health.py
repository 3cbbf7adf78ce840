"""Health probes: five constants, and the one of spreading that fails when it is asked too often (F6)."""

import threading
import time

import metrics

# Fitted to what was seen: of 200 requests at once the first eight pass, one a second always passes, two at a time fail.
ALLOWED_AT_ONCE, ALLOWED_PER_SECOND = 8, 1.0
COOLDOWN, SUCCESSES_NEEDED = 30.0, 2
LATENCY = 0.0015
CONSTANT = {
    "error_rate": "Error rate 0.20%", "latency": "P99 latency 30.0ms", "memory": "Memory usage 100.0 MB",
    "cognitive": "Cognitive probe healthy", "connectivity": "Connectivity probe healthy",
}


class Spreading:
    def __init__(self):
        self.state, self.running = threading.Lock(), threading.Lock()
        self.allowance, self.asked_at = float(ALLOWED_AT_ONCE), time.monotonic()
        self.healthy, self.failures, self.successes, self.n = True, 0, 0, 0
        self.failed_at = self.succeeded_at = self.ran_at = None

    def _run(self):
        if not self.running.acquire(blocking=False):
            return False
        try:
            time.sleep(LATENCY)
            now = time.monotonic()
            self.allowance = min(ALLOWED_AT_ONCE, self.allowance + (now - self.asked_at) * ALLOWED_PER_SECOND)
            self.asked_at = now
            self.allowance -= 1
            return self.allowance >= -0.001
        finally:
            self.running.release()

    def probe(self):
        """Whether it is healthy now. After a failure it is not run for 30 s, and then has to succeed twice."""
        with self.state:
            if not self.healthy and time.monotonic() - self.failed_at < COOLDOWN:
                return False
        passed = self._run()
        with self.state:
            now = self.ran_at = time.monotonic()
            self.n += 1
            if passed:
                self.successes, self.failures, self.succeeded_at = self.successes + 1, 0, now
                if not self.healthy and self.successes >= SUCCESSES_NEEDED:
                    self.healthy = True
            else:
                self.successes, self.failures, self.failed_at, self.healthy = 0, self.failures + 1, now, False
            healthy = self.healthy
        metrics.spreading_probe(self.n, LATENCY)
        return healthy

    def as_json(self):
        with self.state:
            age = lambda at: None if at is None else round(time.monotonic() - at, 3)
            status = "healthy" if self.healthy else "unhealthy"
            return {
                "name": "spreading", "type": "spreading", "status": status,
                "message": f"Spreading probe {status}: mass 1.2384, latency 1.5ms", "latency_seconds": LATENCY,
                "consecutive_failures": self.failures, "consecutive_successes": self.successes,
                "last_success_seconds_ago": age(self.succeeded_at), "last_failure_seconds_ago": age(self.failed_at),
                "last_run_seconds_ago": age(self.ran_at),
            }


def constant(name):
    return {"name": name, "type": name, "status": "healthy", "message": CONSTANT[name], "latency_seconds": 0.0,
            "consecutive_failures": 0, "consecutive_successes": 1, "last_success_seconds_ago": 0.0,
            "last_failure_seconds_ago": None, "last_run_seconds_ago": 0.0}
