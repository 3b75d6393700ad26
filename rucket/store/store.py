"""The store: a log, and an index that is a function of it.

Order, for every command: into the log, synced, applied, the index committed, answered. Nothing can
be read before it is durable, and nothing is answered before it can be read. The log may be one
node's WAL or, later, Raft: the store doesn't know. Nor does it know whether the log was told
to sync later (`rucket.store.sync_strategy`); what must not outlive its log entries waits for
`Log.sync`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from rucket.model.errors import (
    CommitUnknownError,
    CorruptionError,
    OperatingError,
    OverloadedError,
    StorageFullError,
    UnknownFormatError,
)
from rucket.state.apply import apply_entries
from rucket.state.commands import MalformedCommandError, decode_command, encode_command
from rucket.state.outcomes import Outcome, RecentOutcomes
from rucket.state.rows import applied_position
from rucket.store.wal.reading import LogExtent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rucket.model.records import Record
    from rucket.ports.index import Index, Transaction
    from rucket.ports.log import Log, LogEntry
    from rucket.ports.tasks import Tasks

    Done = Callable[[Outcome | OperatingError], None]

_REPLAY_ENTRIES_PER_TRANSACTION = 2000
_ROOM_POLL_INTERVAL_S = 0.5

_logger = logging.getLogger(__name__)


class CommandRefusedError(OperatingError):
    """What came isn't a command this node understands; nothing happened."""


class NeedsLog(Protocol):
    """Somebody who still needs a part of the log."""

    def first_needed(self) -> int | None:
        """The sequence number of the first record that is still needed; None for none. Blocks."""
        ...


class RowSource(Protocol):
    """Where rows come from when the index has to be built again."""

    def forget_after(self, position: int) -> None:
        """Says that records after `position` are lost, and their numbers about to be used again.
        Blocks.
        """
        ...

    def fill(self, transaction: Transaction, log: LogExtent) -> None:
        """Replaces all rows by those of a position from which the log goes on. Blocks."""
        ...


class Store:
    """One node's metadata. Call `recover`, then `run`, which serves until it is cancelled.

    Args:
        log, index, tasks: the ports.
        log_users: nothing of the log goes that one of these needs.
        row_source: for a log that need not be durable when it is applied, and may have lost what
            the index shows.
    """

    def __init__(
        self,
        log: Log,
        index: Index,
        tasks: Tasks,
        log_users: Sequence[NeedsLog] = (),
        row_source: RowSource | None = None,
    ) -> None:
        self._log = log
        self._index = index
        self._tasks = tasks
        self._log_users = tuple(log_users)
        self._row_source = row_source
        self._waiting: dict[bytes, list[Done]] = {}
        self._recent: RecentOutcomes | None = None
        self._running = False
        self._refusing = False
        self._unapplied: list[LogEntry] = []
        self.applied_sequence_number = 0

    def recover(self, acknowledged: int = 0) -> int:
        """Brings the index up to the end of the log. Blocks.

        Unless the log was told to sync later, nothing is applied before it is durable, so that an
        index, or anything else, that shows more than the log holds tells that the log has lost
        records. That is refused: to go on would lose them for good. A log that syncs later may have
        lost what it never promised: then the index is built again.

        Args:
            acknowledged: a record that is known to have been durable in the log, from whatever else
                has seen it; 0 if nothing has.

        Returns:
            How many entries were replayed.

        Raises:
            CorruptionError: entries of the log, or rows, aren't what was written.
            UnknownFormatError: a newer Rucket wrote them.
        """
        with self._index.snapshot() as snapshot:
            applied, hlc = applied_position(snapshot)
        last = self._log.last_sequence_number()
        if last >= acknowledged and self._row_source is not None:
            self._row_source.forget_after(last)
            if applied > last:
                applied = self._build_again(self._row_source, applied)
        self._refuse_lost_records(applied, acknowledged)
        with self._index.snapshot() as snapshot:
            self._recent = RecentOutcomes(snapshot)
        self._log.observe(hlc)
        self.applied_sequence_number = applied
        batch: list[LogEntry] = []
        for entries in self._log.replay(applied):
            # The log's own last segment may be empty, and an older index knows older stamps only.
            self._log.observe(entries[-1].hlc)
            batch.extend(entries)
            if len(batch) >= _REPLAY_ENTRIES_PER_TRANSACTION:
                self._apply(batch)
                batch = []
        if batch:
            self._apply(batch)
        if self.applied_sequence_number != self._log.last_sequence_number():
            raise CorruptionError(
                "the log", f"it can be read up to record {self.applied_sequence_number} only"
            )
        return self.applied_sequence_number - applied

    def _build_again(self, source: RowSource, applied: int) -> int:
        """Fills the index from another source; returns up to where it shows the log then."""
        extent = LogExtent(self._log.first_sequence_number(), self._log.last_sequence_number())
        _logger.error(
            "LOST: records %d to %d were acknowledged, but not yet synced (storage.sync.metadata) "
            "when the power went; the index is built again without them",
            extent.last_sequence_number + 1,
            applied,
        )
        with self._index.transaction() as transaction:
            source.fill(transaction, extent)
            position, _ = applied_position(transaction)
        return position

    def _refuse_lost_records(self, applied: int, acknowledged: int) -> None:
        first, last = self._log.first_sequence_number(), self._log.last_sequence_number()
        known = max(applied, acknowledged)
        if known > last:
            holds = f"ends with record {last}" if last >= first else "holds no record"
            shows = f"the index shows record {applied}"
            repair = "rucket repair accept-index begins a new log behind what the index shows"
            if applied < known:
                shows = f"record {acknowledged} was acknowledged, and {shows}"
                repair = "restore a backup, or see rucket rebuild-index --help"
            raise CorruptionError(
                "the log",
                f"it {holds}, but {shows}: acknowledged records are lost. Nothing was changed. If "
                f"segments were moved, put them back into wal/ and start again; otherwise {repair}",
            )
        if applied + 1 < first:
            raise CorruptionError(
                "the index",
                f"it shows record {applied}, but the log begins with record {first}: "
                "rucket rebuild-index builds it again from a checkpoint and the log",
            )

    async def run(self) -> None:
        """Carries out commands until it is cancelled.

        Where the index has no room for entries that are in the log already, those who wait for them
        are told that the outcome isn't known yet, further commands are refused, and the entries are
        applied when there is room again.

        Raises:
            OperatingError: the node can't go on; it has to be started, and recover, again.
        """
        assert self._recent is not None, "recover comes first"
        self._running = True
        try:
            await self._log.run(self._apply_when_there_is_room, self._refuse)
        finally:
            self._running = False

    def is_ready(self) -> bool:
        """Whether commands are taken, as far as is known."""
        return self._running and not self._refusing

    async def read_barrier(self) -> None:
        """Returns when the index shows everything that was acknowledged before the call."""
        await self._log.read_barrier()

    async def commit(self, command: Record) -> Record:
        """See `Commits.commit`."""
        promise = self._tasks.promise()

        def done(outcome: Outcome | OperatingError) -> None:
            if isinstance(outcome, OperatingError):
                promise.set_exception(outcome)
            else:
                promise.set_result(outcome)

        self.submit(encode_command(command), done)
        outcome: Record = await promise
        return outcome

    def submit(self, payload: bytes, done: Done, first_sent_at: int | None = None) -> None:
        """Takes an encoded command. `done` is called once, with what became of it or why it
        wasn't taken. One whose commit id is known already isn't carried out again.

        Args:
            payload: the command.
            done: the answer goes there.
            first_sent_at: None for a command that was never sent before. Otherwise how far the log
                had been applied, at least, when it was sent first: if outcomes since then have been
                forgotten, it may be one of those, and is answered with CommitUnknownError.
        """
        assert self._recent is not None
        try:
            commit_id = decode_command(payload).commit_id
        except (MalformedCommandError, UnknownFormatError) as error:
            done(CommandRefusedError(f"not a command: {error}"))
            return
        outcome = self._recent.get(commit_id)
        if outcome is not None:
            done(outcome)
            return
        waiting = self._waiting.get(commit_id)
        if waiting is not None:
            waiting.append(done)
            return
        if first_sent_at is not None and first_sent_at + 1 < self._recent.first_kept:
            done(
                CommitUnknownError(
                    f"it was sent when the log held {first_sent_at} records; what became of those "
                    f"before record {self._recent.first_kept} is no longer known"
                )
            )
            return
        if self._unapplied:
            done(StorageFullError("no room left for the index: free or add space"))
            return
        self._waiting[commit_id] = [done]
        try:
            self._log.submit(payload)
        except OverloadedError as error:
            del self._waiting[commit_id]
            done(error)

    def _apply(self, entries: Sequence[LogEntry]) -> None:
        assert self._recent is not None
        with self._index.transaction() as transaction:
            outcomes = apply_entries(entries, transaction, self._recent)
        self.applied_sequence_number = entries[-1].sequence_number
        self._refusing = False
        for commit_id, outcome in outcomes:
            for done in self._waiting.pop(commit_id, ()):
                done(outcome)

    def _apply_when_there_is_room(self, entries: Sequence[LogEntry]) -> None:
        if self._unapplied:
            self._postpone(entries)
            return
        try:
            self._apply(entries)
        except StorageFullError as error:
            _logger.error("the index can't take what is in the log: %s", error)  # noqa: TRY400
            self._refusing = True
            with self._index.snapshot() as snapshot:
                self._recent = RecentOutcomes(snapshot)  # those of the transaction aren't there
            self._postpone(entries)
            self._tasks.spawn(self._apply_later(), "apply-later")

    def _postpone(self, entries: Sequence[LogEntry]) -> None:
        self._unapplied.extend(entries)
        for entry in entries:
            for done in self._waiting.pop(decode_command(entry.payload).commit_id, ()):
                done(CommitUnknownError("it is in the log, but the index has no room to show it"))

    async def _apply_later(self) -> None:
        while self._unapplied:
            await self._tasks.sleep(_ROOM_POLL_INTERVAL_S)
            batch = self._unapplied[:_REPLAY_ENTRIES_PER_TRANSACTION]
            try:
                self._apply(batch)
            except StorageFullError:
                with self._index.snapshot() as snapshot:
                    self._recent = RecentOutcomes(snapshot)
            else:
                del self._unapplied[: len(batch)]
        _logger.warning("the index shows all of the log again")

    def _refuse(self, payloads: Sequence[bytes], error: OperatingError) -> None:
        _logger.error("the log refuses commands: %s", error)
        self._refusing = True
        for payload in payloads:
            for done in self._waiting.pop(decode_command(payload).commit_id, ()):
                done(error)

    async def sync(self) -> None:
        """See `Commits.sync`."""
        await self._log.sync()

    def request_sync(self, done: Callable[[OperatingError | None], None]) -> None:
        """Calls `done` once, when everything that the index shows now survives a power cut, or
        with why that can't be said.
        """
        self._tasks.spawn(self._sync_for(done), "sync")

    async def _sync_for(self, done: Callable[[OperatingError | None], None]) -> None:
        try:
            await self.sync()
        except OperatingError as error:
            done(error)
        else:
            done(None)

    async def checkpoint(self) -> None:
        """Makes the index durable, and lets go of the log that neither it nor anybody else needs,
        beside `run`. The log comes first: what the index shows must not outlive the entries it came
        from.
        """
        await self._log.sync()
        await self._tasks.run_blocking(self.checkpoint_index)

    def checkpoint_index(self) -> None:
        """The part of a checkpoint that blocks."""
        durable = self.applied_sequence_number
        self._index.sync()
        needed = [user.first_needed() for user in self._log_users]
        bounds = [first for first in needed if first is not None]
        self._log.discard_before(min([durable + 1, *bounds]))
