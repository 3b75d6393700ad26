"""Makes this process leave its metrics in the server's metric directory.

Source: prometheus-client, "Multiprocess Mode". That library looks for its environment variable when
it is imported, which would make the order of imports matter; so the kind of value is set here, and
metrics are constructed afterwards, never at import.
"""

from __future__ import annotations

import os
from typing import Final

from prometheus_client import Gauge, values

_ENVIRONMENT_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"


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
    values.ValueClass = values.MultiProcessValue(lambda: name)  # type: ignore[no-untyped-call]
    up = Gauge(
        "rucket_process_up",
        "Processes of the server that run, by role.",
        ["role"],
        registry=None,
        multiprocess_mode="livesum",
    )
    up.labels(role).set(1)
