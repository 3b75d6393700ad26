"""What encryption costs in a process, by size of chunk: `python -m tests.benchmarks.encryption`.

The code is the gateway's, without hashing and disk: a body of 8 MiB in pieces of 1 MiB, sealed and
opened; and what a small object costs besides (data key, wrapping, derivations). Figures are of CPU
time: others on the machine make less of a difference.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from rucket.model.encryption import TAG_SIZE_BYTES
from rucket.runtime.system import SystemRandom
from rucket.service.encryption.chunks import StreamOpener, StreamSealer
from rucket.service.encryption.key_ring import DataKey, KeyRing, MasterKey
from rucket.service.encryption.object_encryption import ObjectEncryption
from rucket.service.reading import ByteSpan

MIB = 1024 * 1024
CHUNK_SIZES_BYTES = tuple(1 << power for power in range(12, 21))
SMALL_SIZE_BYTES = 1024
_SMALL_COUNT = 200


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one size of chunk, the best of some rounds."""

    chunk_size_bytes: int
    seal_mib_per_s: float
    open_mib_per_s: float


def _best_s(work: Callable[[], object], round_count: int) -> float:
    times = []
    for _ in range(round_count):
        started = time.thread_time()
        work()
        times.append(time.thread_time() - started)
    return min(times)


def cost_of_chunks(chunk_size_bytes: int, body_mib: int, round_count: int) -> Cost:
    """Seals and opens a body in pieces of 1 MiB."""
    random = SystemRandom()
    key = DataKey(bytes(16), chunk_size_bytes, random.token_bytes(32))
    piece = random.token_bytes(MIB)
    sealed: list[memoryview] = []

    def seal() -> None:
        sealer = StreamSealer(key)
        sealed[:] = [
            sealer.seal(piece, is_last=place == body_mib) for place in range(1, body_mib + 1)
        ]

    def unseal() -> None:
        opener = StreamOpener(key, b"", len(stream), ByteSpan(0, body_mib * MIB))
        for start in range(0, len(stream), MIB):
            opener.open(start, stream[start : start + MIB])

    seal_s = _best_s(seal, round_count)
    stream = b"".join(sealed)
    open_s = _best_s(unseal, round_count)
    return Cost(chunk_size_bytes, body_mib / seal_s, body_mib / open_s)


def cost_of_small_us(round_count: int) -> tuple[float, float]:
    """Microseconds for a new object of 1 KiB: all of its keys and its bytes; and for opening it."""
    random = SystemRandom()
    ring = KeyRing(MasterKey(bytes(32)))
    encryption = ObjectEncryption(ring, is_on=True)
    body = random.token_bytes(SMALL_SIZE_BYTES)
    made: list[tuple[bytes, bytes]] = []

    def put() -> None:
        made.clear()
        for _ in range(_SMALL_COUNT):
            record, sealer = encryption.new_object(random)
            assert record is not None
            assert sealer is not None
            made.append((record, bytes(sealer.seal(body, is_last=True))))

    def get() -> None:
        for record, sealed in made:
            span = ByteSpan(0, SMALL_SIZE_BYTES)
            StreamOpener(ring.unwrap(record), b"", len(sealed), span).open(0, sealed)

    put_s, get_s = _best_s(put, round_count), _best_s(get, round_count)
    return put_s / _SMALL_COUNT * 1e6, get_s / _SMALL_COUNT * 1e6


def main() -> None:
    """Prints the figures."""
    print(f"{'chunk':>9} {'seal MiB/s':>11} {'open MiB/s':>11} {'tags':>7}")
    for size in CHUNK_SIZES_BYTES:
        cost = cost_of_chunks(size, body_mib=8, round_count=25)
        share = TAG_SIZE_BYTES / size
        print(f"{size:>9} {cost.seal_mib_per_s:>11.0f} {cost.open_mib_per_s:>11.0f} {share:>7.2%}")
    put_us, get_us = cost_of_small_us(round_count=25)
    print(f"an object of 1 KiB: put {put_us:.1f} us, get {get_us:.1f} us")


if __name__ == "__main__":
    main()
