"""What became of a command.

`RecentOutcomes` remembers the outcomes of the last commands by commit id, so that a command that is
retried because its answer was lost happens once and is answered as the first time. It is itself a
function of the log: a ring of rows, and a dictionary over it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import msgspec

from rucket.model.records import UNDECODABLE, Checksum, Record
from rucket.ports.index import Table

if TYPE_CHECKING:
    from rucket.ports.index import Snapshot, Transaction

OUTCOME_COUNT_MAX = 16_384
"""How many outcomes are kept: far more than all gateways can have in flight at once."""


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


_SLOT = struct.Struct(">I")
_encoder = msgspec.msgpack.Encoder()
_outcome_decoder: msgspec.msgpack.Decoder[Outcome] = msgspec.msgpack.Decoder(Outcome)
_row_decoder: msgspec.msgpack.Decoder[tuple[int, bytes, Outcome]] = msgspec.msgpack.Decoder(
    tuple[int, bytes, Outcome]
)


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


def decode_outcome_row(value: bytes) -> tuple[int, bytes, Outcome]:
    """Sequence number, commit id and outcome of the command that an OUTCOMES row is about;
    msgspec.DecodeError for anything else.
    """
    try:
        return _row_decoder.decode(value)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error


class RecentOutcomes:
    """The outcomes of the newest `OUTCOME_COUNT_MAX` commands, by commit id."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._by_commit_id: dict[bytes, Outcome] = {}
        self._commit_ids: dict[bytes, bytes] = {}  # by slot
        for slot, value in snapshot.scan(Table.OUTCOMES, b"", None, OUTCOME_COUNT_MAX):
            _, commit_id, outcome = decode_outcome_row(value)
            self._by_commit_id[commit_id] = outcome
            self._commit_ids[slot] = commit_id

    def get(self, commit_id: bytes) -> Outcome | None:
        """What became of the command, if it is among the newest."""
        return self._by_commit_id.get(commit_id)

    def remember(
        self, transaction: Transaction, sequence_number: int, commit_id: bytes, outcome: Outcome
    ) -> None:
        """Keeps an outcome, over the one that is `OUTCOME_COUNT_MAX` places before it.

        A repeated command leaves its place as it is, so what is forgotten goes by place: in memory
        there is exactly what a restart would read from the rows.
        """
        slot = _SLOT.pack(sequence_number % OUTCOME_COUNT_MAX)
        transaction.put(
            Table.OUTCOMES, slot, _encoder.encode((sequence_number, commit_id, outcome))
        )
        replaced = self._commit_ids.get(slot)
        if replaced is not None:
            del self._by_commit_id[replaced]
        self._by_commit_id[commit_id] = outcome
        self._commit_ids[slot] = commit_id
