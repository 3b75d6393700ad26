"""Stores with one promise broken: a sync left out, or two steps the wrong way round.

A mutant is the product's code on ports that misbehave; only where no port lies between two steps is
it a subclass. None of them changes a source file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rucket.model.names import BlobId
from rucket.ports.log import LogEntry
from rucket.state.apply import apply_entries
from rucket.state.commands import DeleteObject, PutObject, decode_command
from rucket.state.outcomes import RecentOutcomes
from rucket.state.rows import find_object_with_content
from rucket.store.blobs.file_blobs import FileBlobWriter
from rucket.store.blobs.packed.compactor import Compactor
from rucket.store.store import Store
from rucket.store.wal.wal import Wal
from tests.simulation.sabotage import EagerLog
from tests.storage.interleaving import take_turns
from tests.storage.node import Wiring
from tests.storage.sync_sites import Site, SyncWatcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rucket.model.errors import OperatingError
    from rucket.model.records import Record
    from rucket.ports.blobs import BlobReader, Blobs, BlobWriter
    from rucket.ports.commits import Commits
    from rucket.ports.disk import Buffer
    from rucket.ports.index import Index
    from rucket.service.gateway import Gateway
    from rucket.state.outcomes import Outcome
    from rucket.store.blobs.packed.compactor import _Copies
    from rucket.store.blobs.packed.segment_contents import SegmentContents

    Call = Callable[[], None]
    Decide = Callable[[Site, Call], None]

_TURNS_MISSED = 10
_SEGMENTS = "rucket.store.wal.segment_files.SegmentFiles"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A broken store.

    Attributes:
        shows_in: the workload to look at first.
    """

    name: str
    wiring: Wiring
    shows_in: str = "first start"


def without(site: Site) -> Mutant:
    """A store that leaves out one call."""

    def decide(called: Site, call: Call) -> None:
        if called != site:
            call()

    return Mutant(f"without {site}", Wiring(disk=lambda disk: SyncWatcher(disk, decide)))


def _watched(make: Callable[[], Decide]) -> Wiring:
    """Wiring with a decision that has a memory, a new one for each life of a node."""
    return Wiring(disk=lambda disk: SyncWatcher(disk, make()))


def _postponed(function: str, call_name: str, until: str) -> Wiring:
    """One call of a function comes only right before the second call of another that follows."""

    def make() -> Decide:
        waiting: list[Call] = []
        followed_count = 0

        def decide(called: Site, call: Call) -> None:
            nonlocal followed_count
            if (called.function, called.call) == (function, call_name):
                waiting.append(call)
                followed_count = 0
                return
            if f"{called.function}:{called.call}" == until:
                followed_count += 1
                while waiting and followed_count > 1:
                    waiting.pop(0)()
            call()

        return decide

    return _watched(make)


def _swapped(function: str, first: str, last: str) -> Wiring:
    """One call of a function comes right after another instead of before it."""

    def make() -> Decide:
        waiting: list[Call] = []

        def decide(called: Site, call: Call) -> None:
            if (called.function, called.call) == (function, first):
                waiting.append(call)
                return
            call()
            if (called.function, called.call) == (function, last):
                while waiting:
                    waiting.pop(0)()

        return decide

    return _watched(make)


def _left_out(function: str, call_name: str) -> Wiring:
    def decide(called: Site, call: Call) -> None:
        if (called.function, called.call) != (function, call_name):
            call()

    return Wiring(disk=lambda disk: SyncWatcher(disk, decide))


class _ForeseenOutcomeError(Exception):
    """Rolls back a transaction that was only to foresee an outcome."""


class HastyStore(Store):
    """Answers a write of an object as soon as it is taken, with the outcome it is going to have."""

    def submit(
        self,
        payload: bytes,
        done: Callable[[Outcome | OperatingError], None],
        first_sent_at: int | None = None,
    ) -> None:
        """See `Store.submit`."""
        if not isinstance(decode_command(payload), PutObject | DeleteObject):
            super().submit(payload, done, first_sent_at)
            return
        done(self._foresee(payload))
        super().submit(payload, lambda _: None, first_sent_at)

    def _foresee(self, payload: bytes) -> Outcome:
        sequence_number = self._log.last_sequence_number() + 1
        outcomes: list[tuple[bytes, Outcome]] = []
        index: Index = self._index
        try:
            with index.transaction() as transaction:
                entry = LogEntry(sequence_number, 1, payload)
                outcomes = apply_entries([entry], transaction, RecentOutcomes(transaction))
                raise _ForeseenOutcomeError  # noqa: TRY301 - the transaction must not commit
        except _ForeseenOutcomeError:
            return outcomes[0][1]


class DiscardingStore(Store):
    """Lets go of the log before the index is durable."""

    def checkpoint_index(self) -> None:
        """See `Store.checkpoint_index`."""
        durable = self.applied_sequence_number
        self._log.discard_before(durable + 1)
        self._index.sync()


class LateLookingStore(Store):
    """Looks how far the index has come only after it was synced. Its thread may be interrupted in
    between, as anywhere, and for a while.
    """

    def checkpoint_index(self) -> None:
        """See `Store.checkpoint_index`."""
        self._index.sync()
        for _ in range(_TURNS_MISSED):
            take_turns()
        self._log.discard_before(self.applied_sequence_number + 1)


class HastyLog(EagerLog):
    """A log that has commands applied, and so answered, before they are durable."""

    def first_sequence_number(self) -> int:
        """See `Log.first_sequence_number`."""
        return self._log.first_sequence_number()


class _LateBlobs:
    """Blobs that become durable only when somebody says so."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self.open: Callable[[BlobId], BlobReader] = blobs.open
        self.open_cached = blobs.open_cached
        self.delete = blobs.delete
        self.is_placed_for = blobs.is_placed_for
        self.list_ids = blobs.list_ids
        self.waiting: list[BlobWriter] = []

    def create(self, storage_class: str, size_bytes_expected: int | None) -> _LateWriter:
        """See `Blobs.create`."""
        writer = self._blobs.create(storage_class, size_bytes_expected)
        assert isinstance(writer, FileBlobWriter), (
            "others don't know their id before they are durable"
        )
        return _LateWriter(self, writer)

    def finish_all(self) -> None:
        """Makes them durable."""
        while self.waiting:
            self.waiting.pop().finish()


class _LateWriter:
    def __init__(self, blobs: _LateBlobs, writer: FileBlobWriter) -> None:
        self._blobs = blobs
        self._writer = writer

    def write(self, data: Buffer) -> None:
        """See `BlobWriter.write`. What is kept for later has to be copied."""
        self._writer.write(bytes(data))

    def finish(self) -> BlobId:
        """See `BlobWriter.finish`."""
        self._blobs.waiting.append(self._writer)
        return self._writer.blob_id

    def abort(self) -> None:
        """See `BlobWriter.abort`."""
        self._writer.abort()


class _BlobsLast:
    """Commits that have the blobs of a command made durable only after it."""

    def __init__(self, gateway: Gateway, blobs: _LateBlobs) -> None:
        self._commits: Commits = gateway.commits
        self._tasks = gateway.tasks
        self._blobs = blobs
        self.ready = gateway.commits.ready
        self.sync = gateway.commits.sync

    async def commit(self, command: Record) -> Record:
        """See `Commits.commit`."""
        outcome = await self._commits.commit(command)
        await self._tasks.run_blocking(self._blobs.finish_all)
        return outcome


def _blobs_after_commands(gateway: Gateway) -> Gateway:
    blobs = _LateBlobs(gateway.blobs)
    return replace(gateway, blobs=blobs, commits=_BlobsLast(gateway, blobs))


class _BlobsRemovedFirst:
    """Commits that remove the blobs of what a command replaces before they send it."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.ready = gateway.commits.ready
        self.sync = gateway.commits.sync

    async def commit(self, command: Record) -> Record:
        """See `Commits.commit`."""
        gateway = self._gateway
        if isinstance(command, PutObject | DeleteObject):
            with gateway.index.snapshot() as snapshot:
                found = find_object_with_content(snapshot, command.bucket_id, command.key)
            for extent in found[1].extents if found else ():
                await gateway.tasks.run_blocking(gateway.blobs.delete, BlobId(extent.blob_id))
        return await gateway.commits.commit(command)


def _garbage_removed_first(gateway: Gateway) -> Gateway:
    return replace(gateway, commits=_BlobsRemovedFirst(gateway))


class _Unsynced:
    """Commits that never make anything durable before they say so."""

    def __init__(self, gateway: Gateway) -> None:
        self.commit = gateway.commits.commit
        self.ready = gateway.commits.ready

    async def sync(self) -> None:
        """See `Commits.sync`."""


def _garbage_unsynced(gateway: Gateway) -> Gateway:
    return replace(gateway, commits=_Unsynced(gateway))


class BoastfulWal(Wal):
    """Every frame says that all before it is durable, whether it is or not."""

    def _write(self, payloads: Sequence[bytes], room_bytes: int) -> list[LogEntry]:
        synced = self.synced_sequence_number
        self.synced_sequence_number = self.last_sequence_number()
        try:
            return super()._write(payloads, room_bytes)
        finally:
            self.synced_sequence_number = synced


class RashWal(Wal):
    """Goes on in a new segment though the one before isn't synced."""

    def _start_segment(self, room_bytes: int) -> None:
        self.synced_sequence_number = self.last_sequence_number()
        super()._start_segment(room_bytes)


class HastyCompactor(Compactor):
    """Has maps lead to copies that aren't durable."""

    def _make_durable(self, copies: _Copies) -> None:
        pass


class DiscardingCompactor(Compactor):
    """Removes a segment before the maps lead to the copies."""

    def _map(self, segment_id: bytes, contents: SegmentContents, copies: _Copies) -> Iterator[int]:
        super()._remove(segment_id)
        return super()._map(segment_id, contents, copies)

    def _remove(self, segment_id: bytes) -> None:
        pass


ORDERINGS = (
    Mutant("says that what isn't synced is", Wiring(wal=BoastfulWal), "never"),
    Mutant(
        "goes on in a new segment before the old one is durable",
        Wiring(wal=RashWal),
        "never, rotation",
    ),
    Mutant(
        "removes blobs before what made them garbage is durable",
        Wiring(gateway=_garbage_unsynced),
        "never, garbage",
    ),
    Mutant("answers before the log is synced", Wiring(store=HastyStore)),
    Mutant("applies before the log is synced", Wiring(log=HastyLog)),
    Mutant("sends a command before its blob is durable", Wiring(gateway=_blobs_after_commands)),
    Mutant(
        "writes into a segment before its name is durable",
        _postponed(
            f"{_SEGMENTS}.make_segment",
            "sync_directory",
            "rucket.store.wal.wal.Wal._write:write_at",
        ),
    ),
    Mutant(
        "names a segment before its header is durable",
        _swapped(f"{_SEGMENTS}.make_segment", "sync_data", "sync_directory"),
    ),
    Mutant(
        "discards the log before the index is synced", Wiring(store=DiscardingStore), "checkpoint"
    ),
    Mutant(
        "looks after the sync how far the index was",
        Wiring(store=LateLookingStore),
        "checkpoints beside writes",
    ),
    Mutant(
        "removes blobs before their overwrite is durable",
        Wiring(gateway=_garbage_removed_first),
        "overwrite",
    ),
    Mutant(
        "has maps lead to copies before they are durable",
        Wiring(compactor=HastyCompactor),
        "compaction",
    ),
    Mutant(
        "removes a segment before maps lead to its copies",
        Wiring(compactor=DiscardingCompactor),
        "compaction",
    ),
    Mutant(
        "recovers without writing the last frame again",
        _left_out(f"{_SEGMENTS}.make_durable", "write_at"),
    ),
)
