"""How many connections a gateway serves; who comes on top of them is told to come back later.

The HTTP server alone would leave such connections unanswered until another one ends. So it takes
some more than may be (`ACCEPTED_ON_TOP`), and those that send a request while there are too many
are answered SlowDown and closed. Which of all connections that hits is chance; one that sends
nothing is closed by the server's time-out for heads.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from rucket.ports.tasks import Tasks

ACCEPTED_ON_TOP: Final = 256
"""How many connections above the limit are accepted, so that they can be answered."""

_LOOK_INTERVAL_S = 0.1
_DESCRIPTORS = Path("/proc/self/fd")


class ConnectionLimit:
    """Turns away as many requests as there were connections too many a moment ago.

    Args:
        connection_count_max: how many may be open.
        count_connections: how many are open; needn't count further than it is asked to.
    """

    def __init__(
        self,
        connection_count_max: int,
        count_connections: Callable[[int], int],
    ) -> None:
        self._connection_count_max = connection_count_max
        self._count_connections = count_connections
        self._excess_count = 0

    def turns_away(self) -> bool:
        """Whether the connection of this request is to be closed."""
        if self._excess_count <= 0:
            return False
        self._excess_count -= 1
        return True

    def look(self) -> None:
        """Counts the connections."""
        open_count = self._count_connections(self._connection_count_max)
        self._excess_count = max(0, open_count - self._connection_count_max)

    async def watch(self, tasks: Tasks) -> None:
        """Looks again and again, until it is cancelled."""
        while True:
            await tasks.sleep(_LOOK_INTERVAL_S)
            self.look()


def count_sockets(at_most_interesting: int) -> int:
    """How many sockets this process has open: its connections, and a few more.

    Where there aren't more descriptors of any kind than `at_most_interesting`, it says how many of
    those there are, which is quick to find out.
    """
    descriptors = list(_DESCRIPTORS.iterdir())
    if len(descriptors) <= at_most_interesting:
        return len(descriptors)
    return sum(map(_is_socket, descriptors))


def _is_socket(descriptor: Path) -> bool:
    try:
        return descriptor.readlink().name.startswith("socket:")
    except OSError:
        return False  # closed meanwhile
