"""Brings rows of OUTCOMES of the first format up to date.

There they were a ring: the key was the sequence number modulo 16,384 (u32), the value a MessagePack
array of sequence number, commit id and outcome, without a format_version.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import msgspec

from rucket.model.errors import CorruptionError
from rucket.model.records import UNDECODABLE
from rucket.ports.index import Table
from rucket.state.outcomes import Outcome, OutcomeRow, encode_outcome_row, first_kept
from rucket.state.rows import applied_position

if TYPE_CHECKING:
    from rucket.ports.index import Transaction

_SLOT = struct.Struct(">I")
_SLOT_COUNT = 16_384

_row_decoder: msgspec.msgpack.Decoder[tuple[int, bytes, Outcome]] = msgspec.msgpack.Decoder(
    tuple[int, bytes, Outcome]
)


def convert_outcomes(transaction: Transaction) -> int:
    """Puts every row of the first format where it belongs now. To be called before
    `RecentOutcomes` is made; does nothing where there is no such row.

    Returns:
        How many there were.

    Raises:
        CorruptionError: one of them isn't what was written.
    """
    some = transaction.scan(Table.OUTCOMES, b"", None, 1)
    if not some or len(some[0][0]) != _SLOT.size:
        return 0  # this is one transaction: there are never both
    first = first_kept(applied_position(transaction)[0])
    found = transaction.scan(Table.OUTCOMES, b"", None, _SLOT_COUNT)
    for key, value in found:
        transaction.delete(Table.OUTCOMES, key)
        try:
            sequence_number, commit_id, outcome = _row_decoder.decode(value)
        except UNDECODABLE as error:
            raise CorruptionError("a row of Outcome", str(error)) from error
        if sequence_number >= first:
            row = OutcomeRow(sequence_number, commit_id, outcome)
            transaction.put(Table.OUTCOMES, *encode_outcome_row(row))
    return len(found)
