"""Hears of every request of a gateway process: for metrics, the access log and the error log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from rucket.observe.access_log import FLUSH_INTERVAL_S, AccessLog
from rucket.observe.log import process_name
from rucket.observe.metrics import FOLD_INTERVAL_S, RequestMetrics

if TYPE_CHECKING:
    from rucket.ports.clock import Clock
    from rucket.ports.tasks import Tasks
    from rucket.wire.request_observer import RequestReport

_QUIET_OPERATIONS = frozenset({"Health"})

_logger = logging.getLogger(__name__)


class RequestRecorder:
    """The `RequestObserver` of a gateway process.

    Args:
        log_requests: whether there is an access log; health checks never are in it.
        pretty: its form.
    """

    def __init__(self, clock: Clock, *, log_requests: bool, pretty: bool) -> None:
        self._clock = clock
        self._metrics = RequestMetrics()
        self._access_log = AccessLog(clock, process_name(), pretty=pretty) if log_requests else None

    def finished(self, report: RequestReport) -> None:
        """See `RequestObserver.finished`."""
        self._metrics.observe(
            report.operation,
            report.status,
            report.duration_s,
            report.request_bytes,
            report.response_bytes,
            report.error_code,
        )
        if self._access_log is not None and report.operation not in _QUIET_OPERATIONS:
            self._access_log.write(report)

    def crashed(self, request_id: str, operation: str, error: Exception) -> None:
        """See `RequestObserver.crashed`."""
        _logger.error("%s failed, request id %s", operation, request_id, exc_info=error)

    async def run(self, tasks: Tasks) -> None:
        """Writes out, now and then, what has gathered; until it is cancelled."""
        folded_s = self._clock.monotonic_s()
        while True:
            await tasks.sleep(FLUSH_INTERVAL_S)
            if self._clock.monotonic_s() - folded_s >= FOLD_INTERVAL_S:
                folded_s = self._clock.monotonic_s()
                self._metrics.fold()
            if self._access_log is not None:
                await tasks.run_blocking(self._access_log.flush)

    def close(self) -> None:
        """Writes out the rest."""
        self._metrics.fold()
        if self._access_log is not None:
            self._access_log.flush()
