"""The bytes of every format, as they were when the format was made.

A test here that fails means that data written before can't be read any more, or is read as
something else. Formats aren't changed; they get a new format_version, with a golden file of its own
and a migration. `python -m tests.golden.write` adds files that are missing, and changes none.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from rucket.state import rows
from rucket.state.commands import decode_command
from rucket.state.outcomes import decode_outcome
from rucket.store.blobs.layout import decode_checks, decode_footer
from rucket.store.wal.recovery import read_frames
from tests.golden.values import COMMANDS, ID, METADATA, OUTCOMES, golden_bytes

_DIRECTORY = Path(__file__).parent / "files"


@pytest.mark.parametrize("name", sorted(golden_bytes()))
def test_what_is_written_now_is_what_was_written_then(name: str) -> None:
    """Byte by byte."""
    assert golden_bytes()[name] == (_DIRECTORY / name).read_bytes()


def test_every_golden_file_is_still_compared() -> None:
    """None is forgotten when its format gets a successor."""
    assert {path.name for path in _DIRECTORY.iterdir()} == set(golden_bytes())


def test_a_log_of_then_reads_as_the_commands_it_was_made_of() -> None:
    """Through the reader that recovery uses."""
    data = (_DIRECTORY / "wal-segment.v1").read_bytes()

    entries = [
        entry
        for frame, _ in read_frames("golden", data, None)
        if frame is not None
        for entry in frame.entries
    ]

    assert [decode_command(entry.payload) for entry in entries] == COMMANDS
    assert [entry.sequence_number for entry in entries] == list(range(1001, 1001 + len(COMMANDS)))


def test_a_blob_tail_of_then_reads_as_its_fields() -> None:
    """Footer and checks."""
    data = (_DIRECTORY / "blob-tail.v1").read_bytes()

    footer = decode_footer(data, "golden")

    assert (footer.blob_id, footer.data_size_bytes, footer.block_count) == (ID, 300_000, 3)
    assert decode_checks(data[:12], footer, "golden") == (1, 2, 0xFFFFFFFF)


def test_outcomes_of_then_read_as_they_were() -> None:
    """They are rows as well as messages."""
    read = [
        decode_outcome((_DIRECTORY / f"outcome-{type(outcome).__name__}.v1").read_bytes())
        for outcome in OUTCOMES
    ]

    assert read == OUTCOMES


def test_a_field_added_later_is_skipped_and_one_left_out_has_its_default() -> None:
    """So that old and new can read each other within a format_version."""

    fields = msgspec.msgpack.decode((_DIRECTORY / "row-object.v1").read_bytes()[1:])
    longer = b"\x01" + msgspec.msgpack.encode([*fields, "a field of the future"])
    shorter = b"\x01" + msgspec.msgpack.encode(fields[:9])

    assert rows.OBJECT.decode(longer) == METADATA
    assert rows.OBJECT.decode(shorter).storage_class == "STANDARD"
    assert rows.OBJECT.decode(shorter).parts == METADATA.parts
