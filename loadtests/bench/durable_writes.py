"""What the disk and MD5 allow: bodies hashed and written to files that are synced, no HTTP.

Each of 16 threads hashes a body, writes it to a new file, syncs the file's data, and begins again;
so a body costs its hash, its bytes and one sync, and nothing else.
"""

import hashlib
import os
import tempfile
import threading
import time
from pathlib import Path

from loadtests.bench.http_load import LoadError
from loadtests.bench.store import CONNECTION_COUNT, body_of

FILES_PER_THREAD = 16


def run_durable_writes(parent: Path, size_bytes: int, seconds: float) -> float:
    """Bodies a second.

    Raises:
        LoadError: A write failed.
    """
    counts = [0] * CONNECTION_COUNT
    errors: list[OSError] = []

    def work(number: int, directory: Path, until: float) -> None:
        data = body_of(number, size_bytes).data
        try:
            while time.perf_counter() < until:
                place = counts[number] % FILES_PER_THREAD
                _write(directory / f"{number}-{place}", data)
                counts[number] += 1
        except OSError as error:
            errors.append(error)

    with tempfile.TemporaryDirectory(prefix="durable-writes-", dir=parent) as name:
        body_of(0, size_bytes)
        started = time.perf_counter()
        threads = [
            threading.Thread(target=work, args=(number, Path(name), started + seconds))
            for number in range(CONNECTION_COUNT)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        elapsed = time.perf_counter() - started
    if errors:
        raise LoadError(f"durable writes in {parent}: {errors[0]}") from errors[0]
    return sum(counts) / elapsed


def _write(path: Path, data: bytes) -> None:
    hashlib.md5(data, usedforsecurity=False).digest()
    # A file of its own for every body: one that is overwritten has its blocks already.
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)
