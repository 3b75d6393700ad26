"""What became of a command.

`RecentOutcomes` remembers the outcomes of the last commands by commit id, so that a command that is
retried because its answer was lost happens once and is answered as the first time. It is itself a
function of the log: rows by place in the log, and a dictionary over them.

A second kind of row, in the same table, says which commands changed nothing, and stays for longer.

New rows go to the right edge of their table and old ones leave at its left, many at a time, so
that keeping them costs a commit next to nothing. Which ones are kept depends on the place in the
log alone, never on batches or restarts (`first_kept`).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

import msgspec

from rucket.model.errors import CorruptionError, UnknownFormatError
from rucket.model.names import ID_SIZE_BYTES
from rucket.model.records import UNDECODABLE, Checksum, Record
from rucket.ports.index import Table
from rucket.state.rows import applied_position

if TYPE_CHECKING:
    from rucket.ports.index import Snapshot, Transaction

OUTCOME_COUNT_MIN = 16_384
"""So many of the newest commands have their outcomes kept, at least: far more than all gateways can
have in flight at once. A gateway that repeats a command later than that is told that what became of
it is unknown (`rucket.store.store`)."""

IDLE_COUNT_MIN = 4_194_304
"""For so many of the newest commands it is known, at least, which of them changed nothing: whoever
reads the log later (`rucket.state.events`) has to know."""

_FORGOTTEN_AT_ONCE = 1024
_ROWS_PER_SCAN = 4096


class Committed(Record, frozen=True, tag=1):
    """It happened.

    Attributes:
        hlc: the stamp of the command (of the first one, for a repeated CompleteMultipartUpload).
        version_id: of the object that was made.
        etag: of the object that was made, without quotes.
        existed: CreateBucket found the bucket there, owned by the same owner; DeleteObject found
            an object.
        checksum: of the object that a multipart upload became.
    """

    hlc: int
    version_id: bytes = b""
    etag: str = ""
    existed: bool = False
    checksum: Checksum | None = None


class Rejected(Record, frozen=True, tag=2):
    """Nothing happened, for a reason the client can be told.

    `code` is an S3 error code (`rucket.model.errors`).
    """

    code: str
    message: str = ""
    details: dict[str, str] = {}


class Conflicted(Record, frozen=True, tag=3):
    """Nothing happened, because what the gateway had seen is no longer so; it should look again."""


Outcome = Committed | Rejected | Conflicted


class MalformedOutcomeError(ValueError):
    """The bytes aren't an outcome."""


OUTCOME_ROW_FORMAT_VERSION = 2
_PREFIX = bytes([OUTCOME_ROW_FORMAT_VERSION])
_KEY = struct.Struct(">Q")
_IDLE = b"\xff"
_OUTCOME_OFFSET = len(_PREFIX) + ID_SIZE_BYTES

_encoder = msgspec.msgpack.Encoder()
_outcome_decoder: msgspec.msgpack.Decoder[Outcome] = msgspec.msgpack.Decoder(Outcome)


def encode_outcome(outcome: Outcome) -> bytes:
    """The outcome as MessagePack."""
    return _encoder.encode(outcome)


def decode_outcome(message: bytes | memoryview) -> Outcome:
    """The outcome that `encode_outcome` encoded.

    Raises:
        MalformedOutcomeError: it encoded nothing of the kind.
    """
    try:
        return _outcome_decoder.decode(message)
    except UNDECODABLE as error:
        raise MalformedOutcomeError(str(error)) from error


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """A row of OUTCOMES: what became of the command at a place in the log."""

    sequence_number: int
    commit_id: bytes
    outcome: Outcome


def encode_outcome_row(row: OutcomeRow) -> tuple[bytes, bytes]:
    """The key and the value of the row."""
    value = _PREFIX + row.commit_id + _encoder.encode(row.outcome)
    return _KEY.pack(row.sequence_number), value


def decode_outcome_row(key: bytes, value: bytes) -> OutcomeRow:
    """The row with this key and value.

    Raises:
        UnknownFormatError: a newer Rucket wrote it.
        CorruptionError: it isn't a row of this table.
    """
    if len(key) != _KEY.size or len(value) < _OUTCOME_OFFSET:
        raise CorruptionError("a row of Outcome", "it has another size")
    if value[:1] != _PREFIX:
        raise UnknownFormatError("a row of Outcome", value[0], OUTCOME_ROW_FORMAT_VERSION)
    try:
        outcome = decode_outcome(memoryview(value)[_OUTCOME_OFFSET:])
    except MalformedOutcomeError as error:
        raise CorruptionError("a row of Outcome", str(error)) from error
    return OutcomeRow(_KEY.unpack(key)[0], value[len(_PREFIX) : _OUTCOME_OFFSET], outcome)


def first_kept(sequence_number: int, count_min: int = OUTCOME_COUNT_MIN) -> int:
    """The first command whose outcome is kept when that of `sequence_number` has been added."""
    newest_step = sequence_number // _FORGOTTEN_AT_ONCE * _FORGOTTEN_AT_ONCE
    return max(1, newest_step - count_min + 1)


def idle_row(sequence_number: int) -> tuple[bytes, bytes]:
    """The key and the value of the row that says that the command at this place in the log changed
    nothing.
    """
    return _IDLE + _KEY.pack(sequence_number), _PREFIX


def decode_idle_row(key: bytes, value: bytes) -> int:
    """The place in the log that the row is about.

    Raises:
        UnknownFormatError: a newer Rucket wrote it.
        CorruptionError: it isn't such a row.
    """
    if len(key) != len(_IDLE) + _KEY.size or not key.startswith(_IDLE) or not value:
        raise CorruptionError("a row of Outcome", "it isn't what was written")
    if value[:1] != _PREFIX:
        raise UnknownFormatError("a row of Outcome", value[0], OUTCOME_ROW_FORMAT_VERSION)
    sequence_number: int = _KEY.unpack_from(key, len(_IDLE))[0]
    return sequence_number


def is_idle_key(key: bytes) -> bool:
    """Whether a row of OUTCOMES with this key says that a command changed nothing."""
    return key.startswith(_IDLE)


def idle_between(snapshot: Snapshot, first: int, last: int) -> frozenset[int]:
    """Which of the commands from `first` to `last` changed nothing.

    Raises:
        CorruptionError, UnknownFormatError: as `decode_idle_row`.
        ValueError: it is no longer, or not yet, known of all of them.
    """
    applied, _ = applied_position(snapshot)
    if first < first_kept(applied, IDLE_COUNT_MIN) or last > applied:
        raise ValueError(f"what became of records {first} to {last} isn't known at {applied}")
    start, stop = idle_row(first)[0], idle_row(last)[0] + b"\0"
    rows = snapshot.scan(Table.OUTCOMES, start, stop, last - first + 1)
    return frozenset(decode_idle_row(*row) for row in rows)


class RecentOutcomes:
    """The outcomes of the newest commands, by commit id.

    Attributes:
        first_kept: every command from this place in the log on is remembered, if it was carried
            out.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._by_commit_id: dict[bytes, tuple[int, Outcome]] = {}  # in log order
        self.first_kept = 1
        start = b""
        while rows := snapshot.scan(Table.OUTCOMES, start, _IDLE, _ROWS_PER_SCAN):
            for key, value in rows:
                row = decode_outcome_row(key, value)
                self._by_commit_id[row.commit_id] = row.sequence_number, row.outcome
            start = rows[-1][0] + b"\0"
        self.first_kept = first_kept(applied_position(snapshot)[0])

    def get(self, commit_id: bytes) -> Outcome | None:
        """What became of the command, if it is among the newest."""
        found = self._by_commit_id.get(commit_id)
        return None if found is None else found[1]

    def remember(
        self, transaction: Transaction, sequence_number: int, commit_id: bytes, outcome: Outcome
    ) -> None:
        """Keeps the outcome of a command that was carried out just now."""
        row = OutcomeRow(sequence_number, commit_id, outcome)
        transaction.put(Table.OUTCOMES, *encode_outcome_row(row))
        self._by_commit_id[commit_id] = sequence_number, outcome

    def advance(self, transaction: Transaction, sequence_number: int) -> None:
        """Forgets those that are no longer kept after the command at `sequence_number`, which may
        have been carried out before.
        """
        first = first_kept(sequence_number)
        if first == self.first_kept:
            return
        transaction.delete_range(Table.OUTCOMES, b"", _KEY.pack(first))
        first_idle = first_kept(sequence_number, IDLE_COUNT_MIN)
        if first_idle > 1:
            transaction.delete_range(Table.OUTCOMES, _IDLE, _IDLE + _KEY.pack(first_idle))
        items = self._by_commit_id.items()
        for commit_id, _ in list(takewhile(lambda item: item[1][0] < first, items)):
            del self._by_commit_id[commit_id]
        self.first_kept = first
