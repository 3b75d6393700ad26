"""Looks for inputs that decoders fail on: ``python -m tests.fuzz --seconds 600``.

What is found is made as small as possible and kept in ``tests/fuzz/corpus``, where every later test
run begins.
"""

from __future__ import annotations

import argparse
import random
import sys

from rucket.runtime.system import SystemClock
from tests.fuzz.catalogue import DECODERS
from tests.fuzz.search import DecoderFailedError, keep, search

_EXAMPLES_PER_TURN = 300


def main() -> int:
    """Runs what the command line says; 1 if a decoder fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long")
    parser.add_argument("--decoder", choices=sorted(DECODERS), help="only this one")
    options = parser.parse_args()
    names = [options.decoder] if options.decoder else list(DECODERS)
    clock = SystemClock()
    end_s = clock.monotonic_s() + options.seconds
    failed: set[str] = set()
    turn_count = 0
    while clock.monotonic_s() < end_s and len(failed) < len(names):
        for name in names:
            if name in failed or clock.monotonic_s() >= end_s:
                continue
            turn_count += 1
            try:
                search(DECODERS[name], _EXAMPLES_PER_TURN, random.getrandbits(64))
            except DecoderFailedError as error:
                failed.add(name)
                _say(f"{error}\n  kept in {keep(DECODERS[name], error.data)}")
    _say(f"{turn_count * _EXAMPLES_PER_TURN} inputs, {len(failed)} decoders failed")
    return 1 if failed else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
