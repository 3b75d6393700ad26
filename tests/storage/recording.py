"""Recording a life of a node: an image before every operation that changes a device."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rucket.store.blobs.late_sync import sync_in_time
from tests.storage.claims import History
from tests.storage.client import Client
from tests.storage.images import Camera, Image, restore
from tests.storage.interleaving import take_turns
from tests.storage.node import Layout, Node, Wiring

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from tests.storage.claims import Claims

_READING = ("read", "open", "list", "size", "look", "free", "create unnamed", "try", "go on")
_ALL_IS_DONE_AFTER_S = 1.0
_PAUSE_S = 0.0001


@dataclass(frozen=True, slots=True)
class Moment:
    """What a machine holds right before `what` is done.

    Attributes:
        synced, applied: the newest entries of the log that were synced, and that were applied.
        now_s: when it was.
    """

    number: int
    what: str
    image: Image
    synced: int
    applied: int
    now_s: float


@dataclass(slots=True)
class Recording:
    """The moments of a life, and what its clients know at each.

    Attributes:
        if_cut: what may be there, too, where power is cut before the log has been read back: a
            killed process leaves what nobody has synced.
    """

    name: str
    moments: list[Moment] = field(default_factory=list)
    history: History = field(default_factory=History)
    if_cut: Claims = field(default_factory=dict)

    def claims_after_loss(self, moment: Moment) -> Claims:
        """What may be there after `moment`, if everything that wasn't synced then may be lost: what
        could be there at that moment, or at any since the newest synced entry was applied.
        """
        claims = self.history.claims_at(moment.number)
        if not moment.synced:
            for key, bodies in self.if_cut.items():
                claims[key] = claims.get(key, frozenset()) | bodies
        for earlier in reversed(self.moments[: moment.number]):
            if earlier.applied < moment.synced:
                break
            for key, bodies in self.history.claims_at(earlier.number).items():
                claims[key] = claims.get(key, frozenset()) | bodies
        return claims


class Life:
    """A node on a machine, being recorded.

    Args:
        name: of the recording.
        image: what the machine holds at first.
        before: what must be true of it.
    """

    def __init__(
        self, name: str, image: Image, wiring: Wiring, layout: Layout, before: Claims
    ) -> None:
        machine, index_file = restore(image, name)
        self.node = Node(machine, wiring, layout)
        self.recording = Recording(name, history=History(before))
        self._camera = Camera(machine, index_file)
        self._is_recording = False
        machine.device.crash_point = self._pass
        index_file.crash_point = self._pass

    def client(self, gateway: int = 0) -> Client:
        """A client of this life."""
        return Client(self.node, self.recording.history, self._now, gateway)

    def start_recording(self) -> None:
        """Takes an image before each operation from now on."""
        self._is_recording = True

    def observe(self, keys: list[str]) -> dict[str, bytes | None]:
        """Reads keys, whose bodies then are never to change again by themselves."""
        seen = self.node.read(keys)
        self.recording.history.observe(seen, self._now())
        return seen

    def run(self, script: Callable[[Life], Coroutine[Any, Any, None]]) -> None:
        """Carries out a script while the store serves."""
        tasks = self.node.tasks

        async def serve() -> None:
            serving = tasks.spawn(self.node.store.run(), "store")
            syncing = [
                tasks.spawn(sync_in_time(tasks, late), "late-sync") for late in self.node.late_syncs
            ]
            while not self.node.store.is_ready():
                await tasks.sleep(_PAUSE_S)
            await script(self)
            assert not serving.done(), "the store has ended"
            serving.cancel()
            for task in syncing:
                task.cancel()
            await tasks.sleep(_ALL_IS_DONE_AFTER_S)

        try:
            self.node.scheduler.run(self.node.process, serve())
        except BaseException:
            self.node.scheduler.close()
            raise

    def end(self) -> Recording:
        """Takes the last image."""
        if self._is_recording:
            self._add("the end")
        self._is_recording = False
        return self.recording

    def _now(self) -> int:
        return len(self.recording.moments)

    def _pass(self, what: str) -> None:
        take_turns()
        if self._is_recording and not what.startswith(_READING):
            self._add(what)

    def _add(self, what: str) -> None:
        synced = self.node.wal.synced_sequence_number
        applied = self.node.store.applied_sequence_number
        now_s = self.node.scheduler.now_s
        moment = Moment(self._now(), what, self._camera.take(), synced, applied, now_s)
        self.recording.moments.append(moment)
