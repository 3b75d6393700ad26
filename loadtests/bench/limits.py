"""How near the target comes to what the machine allows at all: nginx with the same bytes, and
synced writes of the same bytes. Target and limit take turns, as stores do.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from loadtests.bench.arguments import format_size
from loadtests.bench.durable_writes import run_durable_writes
from loadtests.bench.nginx import serving
from loadtests.bench.processes import LOOPBACK
from loadtests.bench.store import Store, body_of, object_key
from loadtests.bench.workloads import PutObjects
from loadtests.bench.wrk import run_wrk

MIB = 1024 * 1024
OBJECT_COUNT = 16
GET_LIMITS = ((1024, 0.3), (MIB, 0.6))
PUT_LIMITS = ((MIB, 0.6),)


@dataclass(frozen=True, slots=True)
class LimitSummary:
    """The target beside a limit; rates are per second."""

    name: str
    limit: str
    target_per_second: float
    limit_per_second: float
    ratio: float
    ratio_low: float
    ratio_high: float
    wanted: float

    @property
    def is_met(self) -> bool:
        """Whether the target comes as near as is wanted."""
        return self.ratio >= self.wanted


@dataclass(frozen=True, slots=True)
class Pair:
    """A run of the target and one of the limit, each of some seconds, giving a rate."""

    name: str
    limit: str
    wanted: float
    run_target: Callable[[float], float]
    run_limit: Callable[[float], float]


def measure_limits(
    store: Store,
    disk: Path,
    round_count: int,
    seconds: float,
    progress: Callable[[str], None],
) -> list[LimitSummary]:
    """Measure the target beside all limits; `disk` is a directory on the target's disk.

    Raises:
        EndpointError: nginx or wrk is missing.
        LoadError: Somebody answered otherwise than expected.
    """
    with tempfile.TemporaryDirectory(prefix="rucket-limits-", dir=disk) as name:
        directory = Path(name)
        with _pairs(store, directory) as pairs:
            return [_measure(pair, round_count, seconds, progress) for pair in pairs]


def _measure(
    pair: Pair, round_count: int, seconds: float, progress: Callable[[str], None]
) -> LimitSummary:
    target_rates, limit_rates = [], []
    pair.run_target(min(1.0, seconds))
    pair.run_limit(min(1.0, seconds))
    for number in range(round_count):
        progress(f"{pair.name} beside {pair.limit}: round {number + 1}")
        target_rates.append(pair.run_target(seconds))
        limit_rates.append(pair.run_limit(seconds))
    ratios = [ours / most for ours, most in zip(target_rates, limit_rates, strict=True)]
    return LimitSummary(
        name=pair.name,
        limit=pair.limit,
        target_per_second=median(target_rates),
        limit_per_second=median(limit_rates),
        ratio=median(ratios),
        ratio_low=min(ratios),
        ratio_high=max(ratios),
        wanted=pair.wanted,
    )


@contextmanager
def _pairs(store: Store, directory: Path) -> Iterator[list[Pair]]:
    root, own, scripts = directory / "files", directory / "nginx", directory / "scripts"
    for one in (root, own, scripts):
        one.mkdir()
    with serving(root, own) as port:
        pairs = [_get_pair(store, size, wanted, port, directory) for size, wanted in GET_LIMITS]
        pairs += [_put_pair(store, size, wanted, directory) for size, wanted in PUT_LIMITS]
        yield pairs


def _get_pair(store: Store, size: int, wanted: float, port: int, directory: Path) -> Pair:
    """Presigned GETs by wrk, of the objects and of files with the same bytes."""
    prefix = f"limit/{size}"
    store.seed(prefix, OBJECT_COUNT, size)
    store.read_back(prefix, range(OBJECT_COUNT), size)
    files = directory / "files" / str(size)
    files.mkdir()
    for number in range(OBJECT_COUNT):
        (files / str(number)).write_bytes(body_of(number, size).data)
    signer = store.signer()
    script = directory / "scripts" / f"{size}.lua"

    def run_target(seconds: float) -> float:
        targets = [
            signer.presigned_target("GET", store.path(object_key(prefix, number)))
            for number in range(OBJECT_COUNT)
        ]
        host, target_port = store.endpoint.host, store.endpoint.port
        return run_wrk(host, target_port, targets, seconds, script).per_second

    def run_limit(seconds: float) -> float:
        targets = [f"/{size}/{number}" for number in range(OBJECT_COUNT)]
        return run_wrk(LOOPBACK, port, targets, seconds, script).per_second

    return Pair(f"presigned GET {format_size(size)}", "nginx", wanted, run_target, run_limit)


def _put_pair(store: Store, size: int, wanted: float, directory: Path) -> Pair:
    """Durable PUTs, and the same bytes hashed, written and synced."""

    def run_target(seconds: float) -> float:
        measured = PutObjects(size).stage(store).run(seconds)
        return measured.unit_count / measured.elapsed_s

    return Pair(
        name=f"durable PUT {format_size(size)}",
        limit="MD5, write, fdatasync",
        wanted=wanted,
        run_target=run_target,
        run_limit=lambda seconds: run_durable_writes(directory, size, seconds),
    )
