"""The order of runs: stores take turns within each round, whoever was last begins the next."""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from loadtests.bench.arguments import Options
from loadtests.bench.boto3_workloads import Boto3Requests
from loadtests.bench.figures import Sample
from loadtests.bench.listing_workloads import ListPages, Page
from loadtests.bench.processes import ProcessTree
from loadtests.bench.store import Store
from loadtests.bench.workloads import (
    DeleteObjects,
    GetObjects,
    Mixed,
    PutObjects,
    UploadInParts,
    Workload,
)

LARGE_SIZE_BYTES = 64 * 1024 * 1024
BOTO3_METHODS = ("PUT", "GET", "HEAD", "DELETE")


@dataclass(frozen=True, slots=True)
class Contestant:
    """A store and, when its process is known, what measures its cost."""

    store: Store
    processes: ProcessTree | None


def workloads(options: Options) -> list[Workload]:
    """All workloads that the options ask for, in the report's order."""
    found: list[Workload] = [
        Boto3Requests(method, size) for size in options.sizes_bytes for method in BOTO3_METHODS
    ]
    found += [PutObjects(size) for size in options.sizes_bytes]
    found += [GetObjects(size) for size in options.sizes_bytes]
    found += [
        GetObjects(1024, "HEAD"),
        DeleteObjects(1_000 if options.quick else 5_000),
        Mixed(),
        GetObjects(LARGE_SIZE_BYTES),
        UploadInParts(),
    ]
    found += [ListPages(count, page) for count in options.listed_counts for page in Page]
    only = options.only
    return [one for one in found if only is None or only.search(one.name)]


def measure(
    contestants: Sequence[Contestant],
    chosen: Sequence[Workload],
    options: Options,
    progress: Callable[[str], None],
) -> list[Sample]:
    """Run everything; the samples come in the order of workloads, rounds and stores.

    Raises:
        LoadError: A request failed or came back wrong; nothing may be reported then.
    """
    samples = []
    for workload in chosen:
        for contestant in contestants:
            progress(f"{workload.name}: preparing {contestant.store.name}")
            workload.prepare(contestant.store)
        for round_index in range(options.round_count):
            turn = round_index % len(contestants)
            for contestant in [*contestants[turn:], *contestants[:turn]]:
                name = contestant.store.name
                progress(f"{workload.name}: round {round_index + 1}, {name}")
                samples.append(_sample(contestant, workload, round_index, options))
    return samples


def _sample(
    contestant: Contestant, workload: Workload, round_index: int, options: Options
) -> Sample:
    store, processes = contestant.store, contestant.processes
    workload.stage(store).run(options.warm_up_s)
    staged = workload.stage(store)
    server_before = processes.cpu_s() if processes else 0.0
    client_before = time.process_time()
    with _no_collection():
        measured = staged.run(options.seconds)
    client_cpu_s = time.process_time() - client_before
    server_cpu_s = processes.cpu_s() - server_before if processes else None
    pss_bytes = processes.pss_bytes() if processes else None
    staged.verify()
    return Sample(
        store=store.name,
        workload=workload.name,
        round_index=round_index,
        latencies_s=tuple(time for times in measured.latencies_s.values() for time in times),
        bytes_moved=measured.bytes_moved,
        elapsed_s=measured.elapsed_s,
        client_cpu_s=client_cpu_s,
        server_cpu_s=server_cpu_s,
        server_pss_bytes=pss_bytes,
    )


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector's pauses out of the client's latencies."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
