"""The proof proved: a store that leaves out a sync, or swaps two steps, is caught."""

from __future__ import annotations

import pytest

from tests.storage.mutants import ORDERINGS, Mutant, without
from tests.storage.node import Wiring
from tests.storage.power_cuts import LostError, Plan, Search
from tests.storage.survivors import Thoroughness
from tests.storage.sync_sites import Site, SyncWatcher, sites_in_source
from tests.storage.workloads import WORKLOADS

SITES = sites_in_source("store/wal", "store/blobs")


def is_caught(mutant: Mutant) -> str | None:
    for w in WORKLOADS.values():
        s = Search(mutant.wiring, w.layout, Plan())
        try:
            s.go_through(w.record(mutant.wiring))
        except LostError as error:
            return str(error)
    return None
