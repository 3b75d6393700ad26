"""Latencies by operation and second, kept as histograms that add up across workers.

A bucket is 2 % wide, from 1 us on: a percentile is off by at most that, whatever its size.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_BUCKETS_PER_E_FOLD = 50
_US_PER_MS = 1000


def bucket_of(duration_ms: float) -> int:
    """The bucket that a duration falls into."""
    return int(math.log(max(duration_ms * _US_PER_MS, 1.0)) * _BUCKETS_PER_E_FOLD)


def start_ms_of(bucket: int) -> float:
    """Where a bucket begins, and the one before it ends."""
    return math.exp(bucket / _BUCKETS_PER_E_FOLD) / _US_PER_MS


def duration_ms_of(bucket: int) -> float:
    """The middle of a bucket."""
    return math.exp((bucket + 0.5) / _BUCKETS_PER_E_FOLD) / _US_PER_MS


@dataclass(slots=True)
class Histogram:
    """Counts by bucket."""

    counts: Counter[int] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        """Of all durations."""
        return self.counts.total()

    def percentile_ms(self, share: float) -> float | None:
        """The duration that `share` of all don't exceed; None of nothing."""
        wanted = share * self.count
        seen = 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= wanted:
                return duration_ms_of(bucket)
        return None

    def columns(self, count_max: int) -> list[tuple[float, int]]:
        """As few columns that are as wide as one another on a logarithmic axis: where each begins,
        in ms, and its height. Empty ones are there as well; the last one, empty, is the end.
        """
        if not self.counts:
            return []
        first, last = min(self.counts), max(self.counts)
        width = -(-(last - first + 1) // count_max)
        heights = Counter[int]()
        for bucket, count in self.counts.items():
            heights[(bucket - first) // width] += count
        count_of_columns = (last - first) // width + 1
        return [
            (start_ms_of(first + number * width), heights[number])
            for number in range(count_of_columns + 1)
        ]


@dataclass(slots=True)
class Operation:
    """What became of the requests of one kind."""

    latency: Histogram = field(default_factory=Histogram)
    errors: Counter[str] = field(default_factory=Counter)
    bytes_moved: int = 0

    @property
    def count(self) -> int:
        """Of requests, failed ones as well."""
        return self.latency.count + self.errors.total()

    def add(self, other: Operation) -> None:
        """Take in what another worker, or second, has seen."""
        self.latency.counts.update(other.latency.counts)
        self.errors.update(other.errors)
        self.bytes_moved += other.bytes_moved


@dataclass(slots=True)
class Recording:
    """Operations by second of the run and name."""

    by_second: dict[int, dict[str, Operation]] = field(default_factory=dict)
    wrong_bytes: list[str] = field(default_factory=list)

    def note(self, second: int, name: str, duration_ms: float, size_bytes: int, error: str) -> None:
        """Take note of a request; `error` is empty for success."""
        operation = self._operation(second, name)
        if error:
            operation.errors[error] += 1
        else:
            operation.latency.counts[bucket_of(duration_ms)] += 1
            operation.bytes_moved += size_bytes

    def add(self, other: Recording) -> None:
        """Take in what another worker has seen."""
        for second, operations in other.by_second.items():
            for name, operation in operations.items():
                self._operation(second, name).add(operation)
        self.wrong_bytes += other.wrong_bytes

    def totals(self, first_s: float = 0, last_s: float = math.inf) -> dict[str, Operation]:
        """Each operation over the seconds in [first_s, last_s)."""
        found: dict[str, Operation] = {}
        for second, operations in self.by_second.items():
            if first_s <= second < last_s:
                for name, operation in operations.items():
                    found.setdefault(name, Operation()).add(operation)
        return dict(sorted(found.items()))

    @property
    def error_count(self) -> int:
        """Of all requests so far."""
        return sum(
            found.errors.total() for second in self.by_second.values() for found in second.values()
        )

    @property
    def seconds(self) -> range:
        """From the first to the last second in which something ended."""
        if not self.by_second:
            return range(0)
        return range(min(self.by_second), max(self.by_second) + 1)

    def _operation(self, second: int, name: str) -> Operation:
        return self.by_second.setdefault(second, {}).setdefault(name, Operation())

    def to_plain(self) -> dict[str, Any]:
        """Lists, numbers and texts, for messages and files."""
        return {
            "by_second": [
                [
                    second,
                    name,
                    sorted(operation.latency.counts.items()),
                    sorted(operation.errors.items()),
                    operation.bytes_moved,
                ]
                for second, operations in sorted(self.by_second.items())
                for name, operation in sorted(operations.items())
            ],
            "wrong_bytes": self.wrong_bytes,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Recording:
        """What `to_plain` gave."""
        recording = cls(wrong_bytes=list(plain["wrong_bytes"]))
        for second, name, counts, errors, bytes_moved in plain["by_second"]:
            operation = recording._operation(second, name)
            operation.latency.counts.update(dict(_pairs(counts)))
            operation.errors.update(dict(_pairs(errors)))
            operation.bytes_moved += bytes_moved
        return recording


def _pairs(plain: Iterable[Any]) -> list[tuple[Any, int]]:
    return [(key, int(count)) for key, count in plain]
