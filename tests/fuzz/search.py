"""Looking for inputs that a decoder fails on."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.decoder import CORPUS_DIRECTORY
from tests.fuzz.mutation import inputs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fuzz.decoder import Decoder


class DecoderFailedError(AssertionError):
    """A decoder did what it mustn't. `data` is the smallest input that was found."""

    def __init__(self, decoder: Decoder, data: bytes, error: BaseException) -> None:
        super().__init__(f"{decoder.name} fails for {data!r}: {error!r}")
        self.data = data


def search(decoder: Decoder, example_count: int, seed_number: int) -> None:
    """Tries so many inputs.

    Raises:
        DecoderFailedError: one of them is a bug; as small as it could be made.
    """
    last: list[bytes] = [b""]

    @seed(seed_number)
    @settings(
        max_examples=example_count,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
    )
    @given(inputs((*decoder.seeds, *decoder.corpus())))
    def run(data: bytes) -> None:
        last[0] = data
        decoder.run(data)

    try:
        run()
    except Exception as error:
        raise DecoderFailedError(decoder, last[0], error) from error


def keep(decoder: Decoder, data: bytes) -> Path:
    """Adds an input to the corpus."""
    directory = CORPUS_DIRECTORY / decoder.name
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / hashlib.sha256(data).hexdigest()[:16]
    path.write_bytes(data)
    return path
