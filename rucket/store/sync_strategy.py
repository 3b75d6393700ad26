"""When what was written is synced, and what a power cut may take where that is later than the
answer. Pure: no clock, no files.

::

    strategy    what was written is synced                     a power cut may take, at most
    always      before it is answered                          nothing
    periodic    a period after the oldest that isn't           the writes of two periods
    threshold   when enough has gathered, or nothing came      twice the thresholds, and one record
                for a while
    never       at no time of its own                          all since the last sync

Two periods, and twice the thresholds, because the next writes are taken while the ones before are
being synced; where the device is so slow that those are due as well, writers wait for it.
Whatever was written is safe from the death of a process under every strategy: the kernel has it.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass


@enum.unique
class SyncMode(enum.StrEnum):
    """The strategies."""

    ALWAYS = "always"
    PERIODIC = "periodic"
    THRESHOLD = "threshold"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class SyncStrategy:
    """A strategy and its figures, each of which is for one mode.

    Attributes:
        period_s: periodic: how long something stays unsynced.
        threshold_bytes, threshold_operations: threshold: how much of it there may be.
        idle_s: threshold: how long nothing has to come for less to be synced.
    """

    mode: SyncMode = SyncMode.ALWAYS
    period_s: float = 1.0
    threshold_bytes: int = 10 * 1024 * 1024
    threshold_operations: int = 100
    idle_s: float = 5.0

    @property
    def is_always(self) -> bool:
        """Whether answers wait for the sync."""
        return self.mode is SyncMode.ALWAYS

    def loss_window(self) -> str:
        """What a power cut may take, for people."""
        match self.mode:
            case SyncMode.ALWAYS:
                return "nothing"
            case SyncMode.PERIODIC:
                return f"the writes of the last {2 * self.period_s:g} s"
            case SyncMode.THRESHOLD:
                return (
                    f"the last {2 * self.threshold_operations} writes, "
                    f"and no more than {2 * self.threshold_bytes} bytes of them and the last one"
                )
            case SyncMode.NEVER:
                return "all writes since the last checkpoint, or more"


ALWAYS = SyncStrategy()


class SyncSchedule:
    """What isn't synced yet, and when it has to be.

    Attributes:
        operation_count, size_bytes: of what was written since the last sync began.
    """

    def __init__(self, strategy: SyncStrategy) -> None:
        self._strategy = strategy
        self._oldest_s = self._newest_s = 0.0
        self._syncing_operation_count = self._syncing_size_bytes = 0
        self.operation_count = self.size_bytes = 0

    @property
    def unsynced_operation_count(self) -> int:
        """How many writes a power cut could take now."""
        return self.operation_count + self._syncing_operation_count

    @property
    def unsynced_size_bytes(self) -> int:
        """How many bytes these are."""
        return self.size_bytes + self._syncing_size_bytes

    def wrote(self, operation_count: int, size_bytes: int, now_s: float) -> None:
        """Something was written, and not synced."""
        if not self.operation_count:
            self._oldest_s = now_s
        self._newest_s = now_s
        self.operation_count += operation_count
        self.size_bytes += size_bytes

    def began(self) -> None:
        """A sync of all that was written begins."""
        self._syncing_operation_count += self.operation_count
        self._syncing_size_bytes += self.size_bytes
        self.operation_count = self.size_bytes = 0

    def ended(self) -> None:
        """It has succeeded."""
        self._syncing_operation_count = self._syncing_size_bytes = 0

    def due_in_s(self, now_s: float) -> float:
        """How long what was written since the last sync began can wait; 0 if it is due, infinity
        if nothing is going to be.
        """
        if not self.operation_count:
            return math.inf
        strategy = self._strategy
        match strategy.mode:
            case SyncMode.PERIODIC:
                return max(0.0, self._oldest_s + strategy.period_s - now_s)
            case SyncMode.THRESHOLD:
                if self.operations_left() <= 0 or self.bytes_left() <= 0:
                    return 0.0
                return max(0.0, self._newest_s + strategy.idle_s - now_s)
            case _:
                return math.inf

    def operations_left(self) -> float:
        """How many more may be written before a sync is due."""
        if self._strategy.mode is not SyncMode.THRESHOLD:
            return math.inf
        return self._strategy.threshold_operations - self.operation_count

    def bytes_left(self) -> float:
        """How many more bytes may be written before a sync is due."""
        if self._strategy.mode is not SyncMode.THRESHOLD:
            return math.inf
        return self._strategy.threshold_bytes - self.size_bytes
