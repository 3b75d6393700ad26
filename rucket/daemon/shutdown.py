"""The end of a server: in order, and in bounded time.

Gateways first, for their requests need the node; the node last. Each group has its share of the
shutdown time-out, so that a request that doesn't end doesn't cost the node its orderly end.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Final

from rucket.daemon.handshake import STOP_SIGNAL
from rucket.observe.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rucket.daemon.place import Place
    from rucket.ports.clock import Clock

STOP_ORDER: Final = (("gateway", 0.7), ("maintenance", 0.15), ("node", 0.15))
"""Roles, each with its share of the time-out; a gateway's is a little longer than the requests in
flight may take (`ServerSettings.gateway_drain_timeout_s`)."""

KILL_WAIT_S: Final = 5.0
"""A process that SIGKILL doesn't end waits for a device; then it is left to the kernel."""

_log = get_logger(__name__)


class Shutdown:
    """Ends the processes at `places`; begins when it is made.

    Args:
        places: of the server.
        clock: for the time-outs.
        timeout_s: for all together.
    """

    def __init__(self, places: Sequence[Place], clock: Clock, timeout_s: float) -> None:
        self._places = places
        self._clock = clock
        self._timeout_s = timeout_s
        self._give_up_at = clock.monotonic_s() + timeout_s + KILL_WAIT_S
        self._stage = -1
        self._stage_ends_at = 0.0
        self._killing = False

    @property
    def next_deadline(self) -> float:
        """When `advance` has to be called at the latest."""
        return min(self._stage_ends_at, self._give_up_at)

    def advance(self) -> bool:
        """Goes on as far as can be; to be called when a process has ended or a deadline passed.

        Returns:
            Whether it is over.
        """
        if not self._living():
            return True
        now = self._clock.monotonic_s()
        if now >= self._give_up_at:
            names = [place.name for place in self._living()]
            _log.critical("processes can't be killed; they wait for a device", places=names)
            return True
        while self._stage < 0 or not self._living(STOP_ORDER[self._stage][0]):
            self._enter_next_stage(now)
        if now >= self._stage_ends_at and not self._killing:
            self._kill(self._living(STOP_ORDER[self._stage][0]))
        return False

    def kill(self) -> None:
        """Ends the orderly part: everything is killed."""
        self._kill(self._living())

    def _living(self, role: str | None = None) -> list[Place]:
        return [
            place
            for place in self._places
            if place.process is not None and role in {None, place.role}
        ]

    def _enter_next_stage(self, now: float) -> None:
        self._stage += 1
        role, share = STOP_ORDER[self._stage]
        self._stage_ends_at = now + share * self._timeout_s
        self._killing = False
        for place in self._living(role):
            place.signal(STOP_SIGNAL)

    def _kill(self, places: Sequence[Place]) -> None:
        _log.warning("killing processes", places=[place.name for place in places])
        self._killing = True
        self._stage_ends_at = self._give_up_at
        for place in places:
            place.signal(signal.SIGKILL)
