"""Apply: what a command does to the rows. S3's rules of mutation, as one pure function.

Pure means: from the command, its place and stamp in the log, and the rows, and from nothing
else. No clock, no configuration, no randomness, no order of a set. Two nodes that apply the
same log have the same rows to the byte, and a replay after a crash repeats what was answered
before it.

Total means: every command that decodes has an outcome. What a client did wrong, or what changed
since its gateway looked, is an outcome (`Rejected`, `Conflicted`) and not an exception. An
exception out of here is a bug or a corrupt row, and stops the node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.ports.index import Table
from rucket.state import (
    bucket_rules,
    encryption_rules,
    multipart_rules,
    object_rules,
    user_rules,
)
from rucket.state.batched_rows import BatchedRows
from rucket.state.commands import (
    AbortMultipartUpload,
    Command,
    CompleteMultipartUpload,
    CreateBucket,
    CreateMultipartUpload,
    DeleteAccessKey,
    DeleteBucket,
    DeleteObject,
    DeleteUser,
    ForgetGarbage,
    PutAccessKey,
    PutObject,
    PutPart,
    PutUser,
    RewrapDataKey,
    decode_command,
)
from rucket.state.outcomes import Committed, idle_row
from rucket.state.rows import put_applied_position

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rucket.ports.index import Transaction
    from rucket.ports.log import LogEntry
    from rucket.state.outcomes import Outcome, RecentOutcomes


def apply_entries(
    entries: Sequence[LogEntry], transaction: Transaction, recent: RecentOutcomes
) -> list[tuple[bytes, Outcome]]:
    """Applies committed entries in order, and notes how far the rows have come.

    Returns:
        For every entry its commit id and its outcome.

    Raises:
        UnknownFormatError: a command was written by a newer Rucket.
        CorruptionError: a row isn't what was written.
    """
    outcomes: list[tuple[bytes, Outcome]] = []
    rows = BatchedRows(transaction)
    for entry in entries:
        command = decode_command(entry.payload)
        outcome = recent.get(command.commit_id)
        is_idle = outcome is not None
        if outcome is None:
            outcome = apply_command(command, entry.hlc, rows)
            recent.remember(rows, entry.sequence_number, command.commit_id, outcome)
            is_idle = not changes_something(command, outcome)
        if is_idle:
            rows.put(Table.OUTCOMES, *idle_row(entry.sequence_number))
        recent.advance(rows, entry.sequence_number)
        outcomes.append((command.commit_id, outcome))
    if entries:
        put_applied_position(rows, entries[-1].sequence_number, entries[-1].hlc)
    rows.flush()
    return outcomes


def changes_something(command: Command, outcome: Outcome) -> bool:
    """Whether a command with this outcome made, changed or removed anything."""
    if not isinstance(outcome, Committed):
        return False
    match command:
        case CreateBucket():
            return not outcome.existed
        case DeleteObject():
            return outcome.existed
        case CompleteMultipartUpload():
            return outcome.version_id == command.commit_id
        case _:
            return True


def apply_command(command: Command, hlc: int, transaction: Transaction) -> Outcome:  # noqa: C901, PLR0911, PLR0912 - one case a command
    """Applies one command, stamped `hlc`."""
    match command:
        case PutObject():
            return object_rules.put_object(command, hlc, transaction)
        case DeleteObject():
            return object_rules.delete_object(command, hlc, transaction)
        case PutPart():
            return multipart_rules.put_part(command, hlc, transaction)
        case CreateMultipartUpload():
            return multipart_rules.create_upload(command, hlc, transaction)
        case CompleteMultipartUpload():
            return multipart_rules.complete_upload(command, hlc, transaction)
        case AbortMultipartUpload():
            return multipart_rules.abort_upload(command, hlc, transaction)
        case CreateBucket():
            return bucket_rules.create_bucket(command, hlc, transaction)
        case DeleteBucket():
            return bucket_rules.delete_bucket(command, hlc, transaction)
        case PutUser():
            return user_rules.put_user(command, hlc, transaction)
        case DeleteUser():
            return user_rules.delete_user(command, hlc, transaction)
        case PutAccessKey():
            return user_rules.put_access_key(command, hlc, transaction)
        case DeleteAccessKey():
            return user_rules.delete_access_key(command, hlc, transaction)
        case ForgetGarbage():
            return object_rules.forget_garbage(command, hlc, transaction)
        case RewrapDataKey():
            return encryption_rules.rewrap_data_key(command, hlc, transaction)
