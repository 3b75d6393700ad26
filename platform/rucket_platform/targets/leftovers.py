"""What a run made on a server goes with it, as far as the server lets us."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket_platform.clients.s3 import Buckets
from rucket_platform.command_line import interrupts_deferred
from rucket_platform.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rucket_platform.clients.connection import Connection
    from rucket_platform.tools.progress import Progress

_ATTEMPTS_MAX = 2
"""A server that is gone is not waited for."""


def remove_bucket(connection: Connection, bucket: str, progress: Progress) -> None:
    """Remove a run's bucket with all that is in it; says so if it had to be left."""
    if reason := _reason_to_leave(connection, bucket):
        progress.say(f"left behind on {connection.endpoint}: {reason}")


def remove_buckets(connections: Iterable[Connection], prefix: str, progress: Progress) -> None:
    """Remove all buckets of some accounts whose names begin with a run's prefix."""
    reasons: dict[str, str] = {}
    for connection in connections:
        with interrupts_deferred(), Buckets(connection, attempt_count_max=_ATTEMPTS_MAX) as buckets:
            try:
                names = [name for name in buckets.names() if name.startswith(prefix)]
            except PlatformError as error:
                progress.say(f"what is left behind on {connection.endpoint} isn't known: {error}")
                continue
        # Accounts may see one another's buckets: each is told of once, or not at all.
        for name in names:
            reasons[name] = _reason_to_leave(connection, name)
    for reason in filter(None, reasons.values()):
        progress.say(f"left behind: {reason}")


def _reason_to_leave(connection: Connection, bucket: str) -> str:
    """Remove a bucket; why it could not be, empty if it was."""
    with interrupts_deferred(), Buckets(connection, attempt_count_max=_ATTEMPTS_MAX) as buckets:
        try:
            buckets.delete(bucket, force=True)
        except PlatformError as error:
            return str(error)
    return ""
