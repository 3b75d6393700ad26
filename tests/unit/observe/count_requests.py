"""Counts requests in a process of its own, as the place that the command line names.

``python -m tests.unit.observe.count_requests DIRECTORY PLACE COUNT``
"""

import os
import signal
import sys

from rucket.observe.metric_files import join_metric_files
from rucket.observe.metrics import RequestMetrics, WalMetrics


def main() -> None:
    """Counts, and dies as a killed process does."""
    directory, place, count = sys.argv[1:]
    join_metric_files(directory, place, place.partition("-")[0])
    metrics = RequestMetrics()
    for _ in range(int(count)):
        metrics.observe("GetObject", 200, 0.002, 10, 1000, "")
    metrics.observe("PutObject", 404, 9.0, 0, 0, "NoSuchBucket")
    metrics.fold()
    WalMetrics().batch_written(3, 300, 0)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
