"""The bytes of every format, as they were when the format was made.

A test here that fails means that data written before can't be read any more, or is read as
something else. Formats aren't changed; they get a new format_version, with a golden file of its own
and a migration. `python -m tests.golden.write` adds files that are missing, and changes none.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from rucket.daemon.key_register import decode_register
from rucket.model.crc32c import crc32c
from rucket.model.encryption import EncryptionRecord, decode_encryption_record
from rucket.state import rows
from rucket.state.commands import (
    Command,
    CompleteMultipartUpload,
    DeleteObject,
    PutObject,
    RewrapDataKey,
    decode_command,
    encode_command,
)
from rucket.state.outcomes import decode_outcome
from rucket.store.blobs.layout import decode_checks, decode_footer
from rucket.store.blobs.packed.layout import decode_record_header, decode_segment_header
from rucket.store.blobs.packed.moved_layout import decode_moved_map
from rucket.store.wal.recovery import read_frames
from tests.golden.values import (
    COMMANDS,
    ID,
    METADATA,
    MOVED_PLACES,
    OUTCOMES,
    PACKED_BODIES,
    PACKED_SEGMENT_ID,
    golden_bytes,
)

_DIRECTORY = Path(__file__).parent / "files"
_EARLIER = Path(__file__).parent / "earlier"
"""Of before fields were added at the end, within the same format_version."""

_ROWS: dict[str, tuple[Any, int]] = {
    "row-object": (rows.OBJECT, 5),
    "row-content": (rows.CONTENT, 0),
    "row-bucket": (rows.BUCKET, 5),
    "row-statistics": (rows.STATISTICS, 0),
    "row-upload": (rows.UPLOAD, 4),
    "row-part": (rows.PART, 3),
    "row-completed-upload": (rows.COMPLETED_UPLOAD, 6),
    "row-user": (rows.USER, 3),
    "row-access-key": (rows.ACCESS_KEY, 3),
}
"""The codec of each kind of row, and how many fields its first version had."""

_GROWN_SINCE = sorted(_EARLIER.glob("*/*"))
"""The bytes of formats that have grown fields since, by what they were before."""


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


def _without_stream_ids(command: Command) -> Command:
    if not isinstance(command, PutObject | CompleteMultipartUpload):
        return command
    parts = [msgspec.structs.replace(part, stream_id=b"") for part in command.metadata.parts]
    metadata = msgspec.structs.replace(command.metadata, parts=tuple(parts))
    return msgspec.structs.replace(command, metadata=metadata)


@pytest.mark.parametrize("kind", [PutObject, DeleteObject, CompleteMultipartUpload])
def test_a_command_of_before_a_field_was_added_reads_with_its_default(
    kind: type[PutObject | DeleteObject | CompleteMultipartUpload],
) -> None:
    """Everything else is as it is now."""
    earlier = (_EARLIER / f"command-{kind.__name__}.v1").read_bytes()

    read = [decode_command(payload) for payload in _commands_in(earlier)]

    expected = [
        msgspec.structs.replace(
            _without_stream_ids(command), bucket_name="", **_COPY_DEFAULTS.get(kind, {})
        )
        for command in COMMANDS
        if isinstance(command, kind)
    ]
    assert read == expected


_COPY_DEFAULTS: dict[type, dict[str, bool]] = {PutObject: {"is_copy": False}}


def _commands_in(golden: bytes) -> list[bytes]:
    """The payloads that were written one after the other."""
    payloads, rest = [], golden
    while rest:
        size = next(size for size in range(2, len(rest) + 1) if _is_whole(rest[1:size]))
        payloads.append(rest[:size])
        rest = rest[size:]
    return payloads


def _is_whole(packed: bytes) -> bool:
    try:
        msgspec.msgpack.decode(packed)
    except msgspec.DecodeError:
        return False
    return True


def test_a_log_of_before_fields_were_added_is_read() -> None:
    """Every record of it."""
    data = (_EARLIER / "wal-segment.v1").read_bytes()

    entries = [
        entry
        for frame, _ in read_frames("golden", data, None)
        if frame is not None
        for entry in frame.entries
    ]

    assert [type(decode_command(entry.payload)) for entry in entries] == [
        type(command) for command in COMMANDS if not isinstance(command, RewrapDataKey)
    ]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_a_command_of_the_future_reads_without_what_it_has_more(command: Command) -> None:
    """A reader that doesn't know a field skips it."""
    encoded = encode_command(command)
    fields = msgspec.msgpack.decode(encoded[1:])

    longer = encoded[:1] + msgspec.msgpack.encode([*fields, "a field of the future", 7])

    assert decode_command(longer) == command


@pytest.mark.parametrize("name", sorted(_ROWS))
def test_a_row_of_the_future_reads_without_what_it_has_more(name: str) -> None:
    """And one of the past with defaults for what it lacks."""
    codec, mandatory_count = _ROWS[name]
    encoded = (_DIRECTORY / f"{name}.v1").read_bytes()
    record = codec.decode(encoded)
    fields = msgspec.msgpack.decode(encoded[1:])
    longer = encoded[:1] + msgspec.msgpack.encode([*fields, {"a field": "of the future"}])

    assert codec.decode(longer) == record
    for count in range(mandatory_count, len(fields)):
        shorter = codec.decode(encoded[:1] + msgspec.msgpack.encode(fields[:count]))
        filled = [getattr(shorter, field.name) for field in msgspec.structs.fields(shorter)[count:]]
        assert filled == [_default(field) for field in msgspec.structs.fields(shorter)[count:]]


def _default(field: msgspec.structs.FieldInfo) -> object:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


def test_a_blob_tail_of_then_reads_as_its_fields() -> None:
    """Footer and checks."""
    data = (_DIRECTORY / "blob-tail.v1").read_bytes()

    footer = decode_footer(data, "golden")

    assert (footer.blob_id, footer.data_size_bytes, footer.block_count) == (ID, 300_000, 3)
    assert decode_checks(data[:12], footer, "golden") == (1, 2, 0xFFFFFFFF)


def test_an_encryption_record_of_then_reads_as_its_fields() -> None:
    """And so does the list of keys."""
    record = decode_encryption_record((_DIRECTORY / "encryption-record.v1").read_bytes())
    keys = decode_register((_DIRECTORY / "key-register.v1").read_bytes(), "golden")

    assert record == EncryptionRecord(bytes(range(8)), ID, bytes(range(60)), 65_536)
    assert [key.id for key in keys] == ["0001020304050607", "f0f1f2f3f4f5f6f7"]


def test_a_packed_segment_of_then_reads_as_its_records() -> None:
    """Header, records and tombstone, through the reader of blobs."""
    data = (_DIRECTORY / "packed-segment.v1").read_bytes()

    assert decode_segment_header(data, "golden").segment_id == PACKED_SEGMENT_ID
    offset = 4096
    for body in PACKED_BODIES:
        header = decode_record_header(
            data[offset : offset + 4096], PACKED_SEGMENT_ID, offset, "golden"
        )
        start = offset + header.size_bytes
        assert data[start : start + header.data_size_bytes] == body
        assert header.checks == (crc32c(body),)
        assert header.is_deleted == (b"deleted" in body)
        offset += header.record_size_bytes
    assert offset == len(data)


def test_a_map_of_moved_blobs_of_then_reads_as_its_places() -> None:
    """By the offset of birth."""
    data = (_DIRECTORY / "moved-map.v1").read_bytes()

    assert decode_moved_map(data, PACKED_SEGMENT_ID, "golden") == MOVED_PLACES


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


def _says_the_same(earlier: object, now: object) -> bool:
    """Whether values of MessagePack differ in nothing but fields that were added at the end."""
    if isinstance(earlier, list) and isinstance(now, list):
        return len(earlier) <= len(now) and all(map(_says_the_same, earlier, now))
    if isinstance(earlier, dict) and isinstance(now, dict):
        return earlier.keys() == now.keys() and all(
            _says_the_same(value, now[name]) for name, value in earlier.items()
        )
    return earlier == now


def _records(name: str, data: bytes) -> list[tuple[bytes, bytes]]:
    """Each record in a golden file of commands or a row, and its encoding now."""
    if name.startswith("wal-segment"):
        payloads = [
            entry.payload
            for frame, _ in read_frames("golden", data, None)
            if frame is not None
            for entry in frame.entries
        ]
        return [(payload, encode_command(decode_command(payload))) for payload in payloads]
    if name.startswith("command-"):
        commands = _each_after_a_version(data)
        return [(payload, encode_command(decode_command(payload))) for payload in commands]
    codec, _ = _ROWS[name.partition(".")[0]]
    return [(data, codec.encode(codec.decode(data)))]


def _each_after_a_version(data: bytes) -> list[bytes]:
    unpacker = msgspec.msgpack.Decoder()
    payloads = []
    while data:
        size = next(size for size in range(2, len(data) + 1) if _decodes(unpacker, data[1:size]))
        payloads.append(data[:size])
        data = data[size:]
    return payloads


def _decodes(decoder: msgspec.msgpack.Decoder[object], data: bytes) -> bool:
    try:
        decoder.decode(data)
    except msgspec.DecodeError:
        return False
    return True


@pytest.mark.parametrize("path", _GROWN_SINCE, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_was_written_before_a_format_grew_is_still_read(path: Path) -> None:
    """Every field as it was; those that came later have their defaults."""
    read = _records(path.name, path.read_bytes())

    assert read
    for earlier, now in read:
        assert earlier[:1] == now[:1]
        assert _says_the_same(msgspec.msgpack.decode(earlier[1:]), msgspec.msgpack.decode(now[1:]))
