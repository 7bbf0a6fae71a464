"""What Prometheus may ask of a server."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

QUICK = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120)
SIZES = (1, 2, 3, 4, 6, 8, 12, 16)


class Metrics:
    """Figures of one application, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = own = CollectorRegistry()
        self.requests = Counter("maskaudio_requests", "Requests", ["path", "status"], registry=own)
        self.latency = Histogram(
            "maskaudio_request_seconds", "Time to answer", ["path"], buckets=QUICK, registry=own
        )
        self.together = Histogram(
            "maskaudio_batch_size", "Requests computed together", buckets=SIZES, registry=own
        )
        self.busy = Counter("maskaudio_busy_seconds", "Seconds of computing", registry=own)
        self.audio = Counter("maskaudio_audio_seconds", "Seconds of audio made", registry=own)
        self.waiting = Gauge("maskaudio_waiting", "Requests that wait", registry=own)

    def served(self, count: int, seconds: float) -> None:
        """`count` requests were computed together."""
        self.together.observe(count)
        self.busy.inc(seconds)

    def watch_queue(self, length: Callable[[], int]) -> None:
        """Ask `length` how many requests wait."""
        self.waiting.set_function(length)

    async def count(self, request: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
        """An HTTP middleware that counts answers."""
        started = time.monotonic()
        response = await call_next(request)
        route = request.scope.get("route")
        path = getattr(route, "path", "other")  # never what a caller made up
        self.requests.labels(path, response.status_code).inc()
        self.latency.labels(path).observe(time.monotonic() - started)
        return response

    def text(self) -> tuple[bytes, int, None, str]:
        """Body, status, headers and type of an answer."""
        return generate_latest(self.registry), 200, None, CONTENT_TYPE_LATEST
