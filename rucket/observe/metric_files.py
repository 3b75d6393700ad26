"""Makes this process leave its metrics in the server's metric directory.

Source: prometheus-client, "Multiprocess Mode". That library looks for its environment variable when
it is imported, which would make the order of imports matter; so the kind of value is set here, and
metrics are constructed afterwards, never at import.
"""

from __future__ import annotations

import os
from typing import Final

from prometheus_client import Gauge, values
from prometheus_client.mmap_dict import MmapedDict

_ENVIRONMENT_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
_ALLOCATED_BYTES: Final = 256 * 1024


class _AllocatedDict(MmapedDict):
    """A file whose blocks are there before they are written to through memory: where the device has
    no room for one, that would kill the process (SIGBUS).
    """

    def __init__(self, filename: str, read_mode: bool = False) -> None:  # noqa: FBT001, FBT002 -- the library's
        if not read_mode:
            _allocate(filename, _ALLOCATED_BYTES)
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]

    def _init_value(self, key: str) -> None:
        # Longer than any entry: the library would only make the file longer.
        if self._used + len(key.encode()) + 64 > self._capacity:
            _allocate(self._fname, 2 * self._capacity)
        super()._init_value(key)  # type: ignore[no-untyped-call]


def _allocate(filename: str, size_bytes: int) -> None:
    descriptor = os.open(filename, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, size_bytes)
    finally:
        os.close(descriptor)


def join_metric_files(directory: str, name: str, role: str) -> None:
    """Keeps the metrics constructed from now on in files of the place `name`.

    Args:
        directory: of the metrics; empty to keep them in memory, where nobody asks.
        name: the place of this process. Never two at a time have the same.
        role: counted in ``rucket_process_up``.
    """
    assert "_" not in name, "prometheus-client splits file names at underscores"
    if not directory:
        return
    os.environ[_ENVIRONMENT_VARIABLE] = directory
    values.MmapedDict = _AllocatedDict  # type: ignore[attr-defined]
    values.ValueClass = values.MultiProcessValue(lambda: name)  # type: ignore[no-untyped-call]
    up = Gauge(
        "rucket_process_up",
        "Processes of the server that run, by role.",
        ["role"],
        registry=None,
        multiprocess_mode="livesum",
    )
    up.labels(role).set(1)
