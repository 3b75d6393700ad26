"""No decoder does anything but decode or refuse.

Longer: ``python -m tests.fuzz --seconds 600``.
"""

from __future__ import annotations

import os

import pytest

from tests.fuzz.catalogue import DECODERS
from tests.fuzz.decoder import CORPUS_DIRECTORY
from tests.fuzz.search import search

EXAMPLES = int(os.environ.get("RUCKET_FUZZ_EXAMPLES", "250"))
_SEED = 20_260_501


@pytest.mark.parametrize("name", DECODERS)
def test_what_was_kept_does_no_harm(name: str) -> None:
    """Valid inputs, and all that were bugs once."""
    decoder = DECODERS[name]

    for data in (b"", *decoder.seeds, *decoder.corpus()):
        decoder.run(data)


@pytest.mark.parametrize("name", DECODERS)
def test_accidents_do_no_harm(name: str) -> None:
    """What is refused is refused as documented, at a bounded cost; what isn't comes back."""
    search(DECODERS[name], EXAMPLES, _SEED)


def test_every_kept_input_belongs_to_a_decoder() -> None:
    """None is left behind when a decoder is renamed."""
    assert {path.name for path in CORPUS_DIRECTORY.iterdir()} <= set(DECODERS)
