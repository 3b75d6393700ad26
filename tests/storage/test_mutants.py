"""The proof proved: a store that leaves out a sync, or does two things the wrong way round, is
caught by the power cuts.

Every sync that the log, the blobs and the checkpoints call is left out in turn; the calls are found
in the source, so that a new one is here by itself. The orderings are those of docs/architecture.md.

Mutants that survive, and why:

| left out                     | why no cut can tell                                             |
|------------------------------|-----------------------------------------------------------------|
| ``SegmentFiles.make_spare:   | `make_segment` writes the header into the same file and          |
| sync_data``                  | syncs that, zeros included, before the file gets its name. The   |
|                              | earlier sync is there for its time and its errors: the zeros go  |
|                              | to the device while nobody waits, and a device that refuses them |
|                              | costs a spare, not the node.                                     |
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.storage.mutants import ORDERINGS, Mutant, without
from tests.storage.node import Wiring
from tests.storage.power_cuts import LostError, Plan, Search, is_exhaustive
from tests.storage.survivors import Thoroughness
from tests.storage.sync_sites import Site, SyncWatcher, sites_in_source
from tests.storage.workloads import WORKLOADS

SITES = [
    site
    for site in sites_in_source(
        "store/wal", "store/blobs/file_blobs.py", "store/blobs/packed", "store/checkpoints/files.py"
    )
    # Only repairs and restores call it: `test_replacement_cuts` has its mutants.
    if not site.function.startswith("rucket.store.wal.beginning.")
]
EQUIVALENT = frozenset({"rucket.store.wal.segment_files.SegmentFiles.make_spare:sync_data"})
SHOWS_IN = {
    "rucket.store.blobs.file_blobs": "put blob",
    "rucket.store.blobs.packed": "put packed",
    "rucket.store.checkpoints": "index checkpoints",
    "rucket.store.wal": "first start",
}
"""The workload to look at first, by where the sync is; the others follow."""


def _left_out(site: Site) -> Mutant:
    shows_in = next(name for place, name in SHOWS_IN.items() if site.function.startswith(place))
    return replace(without(site), shows_in=shows_in)


MUTANTS = {mutant.name: mutant for mutant in (*map(_left_out, SITES), *ORDERINGS)}

# What is quick to go through comes first.
OF_THE_LOG = (
    "put inline",
    "put blob",
    "checkpoint",
    "overwrite",
    "rotation",
    "index checkpoints",
)
ORDER = (*OF_THE_LOG, "put packed", "compaction")
LAST = ("put streamed blob", "compaction beside writes")
PLAN = Plan(
    Thoroughness(single_sectors=False, mixture_count=1, every_commit=False),
    second_cut=Thoroughness(single_sectors=False, mixture_count=0, every_commit=False),
)
# For what no cut can tell, and for looking at what is reached.
QUICK_PLAN = replace(PLAN, second_cut_rate_after_kill=0.05)


def first_loss(mutant: Mutant, plan: Plan) -> str | None:
    """What the power cuts find first; None if they find nothing."""
    others = [name for name in WORKLOADS if name not in ORDER + LAST]
    # What no cut can tell is a sync of the log.
    rest = OF_THE_LOG if plan is QUICK_PLAN else (*ORDER, *others, *LAST)
    for name in dict.fromkeys((mutant.shows_in, *rest)):
        workload = WORKLOADS[name]
        try:
            Search(mutant.wiring, workload.layout, plan).go_through(workload.record(mutant.wiring))
        except LostError as error:
            return str(error)
    return None


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS.keys())
def test_broken_promise_is_caught(mutant: Mutant) -> None:
    """Some cut of some workload shows that something is lost; what can't is explained above."""
    is_equivalent = mutant.name.removeprefix("without ") in EQUIVALENT
    is_quick = is_equivalent and not is_exhaustive()

    loss = first_loss(mutant, QUICK_PLAN if is_quick else PLAN)

    assert (loss is None) == is_equivalent


def test_every_sync_is_reached() -> None:
    """No sync of log, blobs or checkpoints lies outside of what the workloads, and the recoveries
    from them, do.
    """
    reached = set()

    def watch(site: Site, call: object) -> None:
        reached.add(site)
        assert callable(call)
        call()

    wiring = Wiring(disk=lambda disk: SyncWatcher(disk, watch))
    for name in ("put blob", "checkpoint", "rotation", "index checkpoints", "compaction"):
        workload = WORKLOADS[name]
        recording = workload.record(wiring)
        if name in OF_THE_LOG:
            Search(wiring, workload.layout, QUICK_PLAN).go_through(recording)

    assert reached >= set(SITES)
