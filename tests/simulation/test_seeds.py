"""Runs of the whole server with crashes, each from one seed.

More seeds: ``RUCKET_SIMULATION_SEEDS=0..1000``. One again, with its trace: the failure says how.
"""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import count, takewhile

import pytest

from tests.simulation.run import Sabotage, SimulationFailedError, run_seed
from tests.simulation.sabotage import PLANTED_BUGS
from tests.simulation.seeds import DEFAULT_SEEDS, seeds_to_run


@pytest.mark.parametrize("seed", seeds_to_run())
def test_nothing_acknowledged_is_lost(seed: int) -> None:
    """Through all crashes every client sees what a store that never crashes could have shown."""
    run_seed(seed)


def test_same_seed_takes_the_same_steps() -> None:
    """A seed that is run again has the same trace."""
    assert run_seed(3) == run_seed(3)


def test_hash_seed_changes_nothing() -> None:
    """The trace of a seed is the same in processes with different hash seeds."""
    reports = []
    for hash_seed in ("1", "4242"):
        process = subprocess.run(
            [sys.executable, "-m", "tests.simulation", "5..8"],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        reports.append(process.stdout)

    assert reports[0] == reports[1]
    assert reports[0].count("virtual seconds") == 3


@pytest.mark.parametrize("planted", PLANTED_BUGS.values(), ids=PLANTED_BUGS.keys())
def test_planted_bug_is_found(planted: Sabotage) -> None:
    """A server with this bug fails for some seed among the default ones."""

    def is_unnoticed(seed: int) -> bool:
        try:
            run_seed(seed, sabotage=planted)
        except SimulationFailedError:
            return False
        return True

    unnoticed = list(takewhile(is_unnoticed, count(DEFAULT_SEEDS.start)))

    assert len(unnoticed) < len(DEFAULT_SEEDS)
