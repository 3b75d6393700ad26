"""Which seeds are run."""

from __future__ import annotations

import os

SEEDS_VARIABLE = "RUCKET_SIMULATION_SEEDS"
DEFAULT_SEEDS = range(60)


def parse_seeds(text: str) -> range:
    """``a..b`` (without b), or one seed."""
    first, dots, end = text.partition("..")
    return range(int(first), int(end)) if dots else range(int(first), int(first) + 1)


def seeds_to_run() -> range:
    """Those of the environment variable `SEEDS_VARIABLE`, or the default ones."""
    text = os.environ.get(SEEDS_VARIABLE)
    return DEFAULT_SEEDS if text is None else parse_seeds(text)
