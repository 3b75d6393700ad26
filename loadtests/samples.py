"""The server beside its clients: CPU time of its processes, and its own metrics."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_INTERVAL_S = 1.0
_TIMEOUT_S = 2.0
_KEPT = ("rucket_wal_", "rucket_requests_in_flight", "rucket_errors_total")


@dataclass(frozen=True, slots=True)
class Sample:
    """What was seen at one moment.

    Attributes:
        at_s: Seconds of the run.
        cpu_s: CPU time that the server's processes have used so far; None where they aren't known.
        metrics: Sums over labels, by name.
    """

    at_s: float
    cpu_s: float | None
    metrics: Mapping[str, float]


class Sampler(threading.Thread):
    """Looks every second until it is stopped. What can't be seen is left out."""

    def __init__(self, pids: Sequence[int], metrics_urls: Sequence[str], started_s: float) -> None:
        super().__init__(name="samples", daemon=True)
        self._pids = pids
        self._urls = metrics_urls
        self._started_s = started_s
        self._stopping = threading.Event()
        self.samples: list[Sample] = []

    def stop(self) -> None:
        """End, after the look that is under way."""
        self._stopping.set()
        self.join(2 * _TIMEOUT_S + _INTERVAL_S)

    def run(self) -> None:
        """Look."""
        while not self._stopping.wait(_INTERVAL_S):
            at_s = time.monotonic() - self._started_s
            self.samples.append(Sample(at_s, self._cpu_s(), self._metrics()))

    def _cpu_s(self) -> float | None:
        if not self._pids:
            return None
        total_s = 0.0
        for pid in self._pids:
            with suppress(psutil.NoSuchProcess):
                supervisor = psutil.Process(pid)
                for process in (supervisor, *supervisor.children(recursive=True)):
                    with suppress(psutil.NoSuchProcess):
                        times = process.cpu_times()
                        total_s += times.user + times.system
        return total_s

    def _metrics(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for url in self._urls:
            with suppress(httpx.HTTPError, ValueError):
                text = httpx.get(url, timeout=_TIMEOUT_S, trust_env=False).text
                for family in text_string_to_metric_families(text):
                    for sample in family.samples:
                        if sample.name.startswith(_KEPT) and "le" not in sample.labels:
                            found[sample.name] = found.get(sample.name, 0.0) + sample.value
        return found


def rates(samples: Sequence[Sample], name: str) -> list[tuple[float, float]]:
    """How fast a counter grew between looks: (seconds of the run, per second)."""
    found = []
    for before, after in pairwise(samples):
        if name in before.metrics and name in after.metrics and after.at_s > before.at_s:
            growth = after.metrics[name] - before.metrics[name]
            found.append((after.at_s, max(0.0, growth) / (after.at_s - before.at_s)))
    return found


def cpu_cores(samples: Sequence[Sample]) -> list[tuple[float, float]]:
    """How many cores the server kept busy between looks."""
    return [
        (after.at_s, max(0.0, after.cpu_s - before.cpu_s) / (after.at_s - before.at_s))
        for before, after in pairwise(samples)
        if before.cpu_s is not None and after.cpu_s is not None and after.at_s > before.at_s
    ]
