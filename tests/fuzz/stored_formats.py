"""Decoders of what is on disk and what goes between processes.

Most formats end in a check that nearly every accident breaks. So each input is tried twice: as it
is, and with the checks made good, as if the damage had come before they were computed.
"""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rucket.daemon.key_register import decode_register, encode_register
from rucket.model.crc32c import crc32c
from rucket.model.encryption import decode_encryption_record, encode_encryption_record
from rucket.model.errors import CorruptionError, EncryptionKeyError, UnknownFormatError
from rucket.model.records import AccessKey
from rucket.net import commit_protocol
from rucket.net.unix_sockets import _FramedConnection
from rucket.ports.transport import ConnectionLostError
from rucket.service.encryption.chunks import StreamOpener, StreamSealer
from rucket.service.encryption.key_ring import KeyRing, MasterKey
from rucket.service.reading import ByteSpan
from rucket.service.sealed_secrets import SecretSealer
from rucket.state import rows
from rucket.state.commands import MalformedCommandError, decode_command, encode_command
from rucket.state.outcomes import (
    Committed,
    MalformedOutcomeError,
    OutcomeRow,
    decode_outcome,
    decode_outcome_row,
    encode_outcome,
    encode_outcome_row,
)
from rucket.store.backup_manifest import decode_manifest, encode_manifest
from rucket.store.blobs.layout import (
    FOOTER_SIZE_BYTES,
    Footer,
    decode_checks,
    decode_footer,
    encode_tail,
)
from rucket.store.blobs.packed import layout as packed_layout
from rucket.store.blobs.packed import moved_layout
from rucket.store.checkpoints import layout as checkpoint
from rucket.store.log_cursors import decode_log_cursor, encode_log_cursor
from rucket.store.wal import frame as wal_frame
from rucket.store.wal.recovery import read_frames
from tests.fuzz.decoder import Decoder

if TYPE_CHECKING:
    from collections.abc import Callable

_GOLDEN_DIRECTORY = Path(__file__).parent.parent / "golden" / "files"
_U32 = struct.Struct("<I")
_SEGMENT_CRC_OFFSET = 48
_FRAME_CRC_OFFSET = 32
_SALT = 0x1122334455667788
_REFUSALS = (CorruptionError, UnknownFormatError)


def _golden(pattern: str) -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for path in sorted(_GOLDEN_DIRECTORY.glob(pattern)))


def _with_u32(data: bytes, offset: int, value: int) -> bytes:
    return data[:offset] + _U32.pack(value) + data[offset + _U32.size :]


_SEGMENT = _golden("wal-segment*")[0]
_FRAME = _SEGMENT[wal_frame.BLOCK_SIZE_BYTES :]


def check_segment_header(data: bytes) -> None:
    """The first block of a segment."""
    for block in (data, _with_u32(data, _SEGMENT_CRC_OFFSET, crc32c(data[:_SEGMENT_CRC_OFFSET]))):
        with suppress(*_REFUSALS):
            header = wal_frame.decode_segment_header(block, "segment")
            assert wal_frame.decode_segment_header(header.encode(), "segment") == header


def check_checkpoint(data: bytes) -> None:
    """A checkpoint with one frame: its header, its rows, its trailer."""
    for checked in (data, _resealed_checkpoint(data)):
        with suppress(*_REFUSALS):
            checkpoint.decode_header(checked, "checkpoint")
        start = checkpoint.HEADER_SIZE_BYTES
        end = start + checkpoint.FRAME_HEADER_SIZE_BYTES
        with suppress(*_REFUSALS):
            header = checkpoint.decode_frame_header(checked[start:end], "checkpoint")
            if header is not None:
                payload = checked[end : end + header.payload_size_bytes]
                rows_read = checkpoint.decode_rows(header, payload, "checkpoint")
                assert checkpoint.encode_frame(rows_read, header.chain)[1] == header.crc
        with suppress(*_REFUSALS):
            checkpoint.decode_trailer(checked[-checkpoint.TRAILER_SIZE_BYTES :], "checkpoint")


def _resealed_checkpoint(data: bytes) -> bytes:
    """With the checks of header and frame made good."""
    start = checkpoint.HEADER_SIZE_BYTES
    data = _with_u32(data, start - 4, crc32c(data[: start - 4]))
    crc = crc32c(
        data[start + 20 : -checkpoint.TRAILER_SIZE_BYTES], crc32c(data[start : start + 16])
    )
    return _with_u32(data, start + 16, crc)


def check_manifest(data: bytes) -> None:
    """The manifest of a backup."""
    with suppress(*_REFUSALS):
        manifest = decode_manifest(data, "manifest")
        assert decode_manifest(encode_manifest(manifest), "manifest") == manifest


def check_frame(data: bytes) -> None:
    """A batch of records."""
    for candidate in (data, _resealed_frame(data)):
        frame = wal_frame.decode_frame(memoryview(candidate), 0, _SALT)
        if frame is None:
            continue
        encoded, crc = wal_frame.encode_frame(
            frame.entries, frame.chain, frame.synced_sequence_number, _SALT
        )
        assert (len(encoded), crc) == (frame.size_bytes, frame.crc)
        assert wal_frame.decode_frame(memoryview(encoded), 0, _SALT) == frame


def _resealed_frame(data: bytes) -> bytes:
    if len(data) < wal_frame.FRAME_HEADER_SIZE_BYTES:
        return data
    size = min(_U32.unpack_from(data, 4)[0], len(data) - wal_frame.FRAME_HEADER_SIZE_BYTES)
    data = _with_u32(data, 4, size)
    end = wal_frame.FRAME_HEADER_SIZE_BYTES + size
    crc = crc32c(
        data[wal_frame.FRAME_HEADER_SIZE_BYTES : end],
        crc32c(data[:_FRAME_CRC_OFFSET], crc32c(_SALT.to_bytes(8, "little"))),
    )
    return _with_u32(_with_u32(data, _FRAME_CRC_OFFSET, crc), _FRAME_CRC_OFFSET + 4, 0)


def check_segment(data: bytes) -> None:
    """A whole segment, as recovery reads it: frames that follow on one another, then an end."""
    resealed = _with_u32(data, _SEGMENT_CRC_OFFSET, crc32c(data[:_SEGMENT_CRC_OFFSET]))
    for segment in (data, resealed):
        with suppress(*_REFUSALS):
            ends = [end for _, end in read_frames("segment", segment, None)]
            assert ends == sorted(ends, key=lambda end: end.offset)
            assert ends[-1].offset <= wal_frame.blocks(len(segment))


def check_command(data: bytes) -> None:
    """A payload of the log."""
    with suppress(MalformedCommandError, UnknownFormatError):
        command = decode_command(data)
        assert decode_command(encode_command(command)) == command


def check_outcome(data: bytes) -> None:
    """An answer of the node."""
    with suppress(MalformedOutcomeError):
        outcome = decode_outcome(data)
        assert decode_outcome(encode_outcome(outcome)) == outcome


def check_outcome_row(data: bytes) -> None:
    """A row of outcomes: the 8 bytes of its key, then its value."""
    with suppress(*_REFUSALS):
        row = decode_outcome_row(data[:8], data[8:])
        assert decode_outcome_row(*encode_outcome_row(row)) == row


def _check_row(codec: rows._Codec[object]) -> Callable[[bytes], None]:
    def check(data: bytes) -> None:
        with suppress(*_REFUSALS):
            record = codec.decode(data)
            assert codec.decode(codec.encode(record)) == record

    return check


_ROW_CODECS: dict[str, rows._Codec[object]] = {
    "access-key": rows.ACCESS_KEY,  # type: ignore[dict-item] # encodes what it decodes
    "bucket": rows.BUCKET,  # type: ignore[dict-item]
    "completed-upload": rows.COMPLETED_UPLOAD,  # type: ignore[dict-item]
    "content": rows.CONTENT,  # type: ignore[dict-item]
    "object": rows.OBJECT,  # type: ignore[dict-item]
    "part": rows.PART,  # type: ignore[dict-item]
    "statistics": rows.STATISTICS,  # type: ignore[dict-item]
    "upload": rows.UPLOAD,  # type: ignore[dict-item]
    "user": rows.USER,  # type: ignore[dict-item]
}


def check_row_key(data: bytes) -> None:
    """The key of an UPLOADS row; keys that `ordered` didn't make say so."""
    with suppress(ValueError):
        text, end = rows.unordered(data, 0)
        assert rows.unordered(rows.ordered(text), 0) == (text, len(rows.ordered(text)))
        assert end <= len(data)


def check_blob_tail(data: bytes) -> None:
    """Checks and footer of a blob file."""
    footer_at = max(0, len(data) - FOOTER_SIZE_BYTES)
    crc_at = len(data) - _U32.size
    resealed = data[:crc_at] + _U32.pack(crc32c(data[footer_at:crc_at])) if crc_at > 0 else data
    for tail in (data, resealed):
        with suppress(*_REFUSALS):
            footer = decode_footer(tail, "blob")
            assert footer.file_size_bytes >= footer.data_size_bytes
            _check_checks(tail[:-FOOTER_SIZE_BYTES], footer)


def _check_checks(table: bytes, footer: Footer) -> None:
    checks = list(decode_checks(table, footer, "blob"))
    again = encode_tail(footer.blob_id, footer.data_size_bytes, checks)
    encoded = decode_footer(again, "blob")
    assert encoded.checks_crc == footer.checks_crc
    assert encoded.data_size_bytes == footer.data_size_bytes


def check_packed_segment_header(data: bytes) -> None:
    """What a segment of packed blobs begins with."""
    with suppress(*_REFUSALS):
        header = packed_layout.decode_segment_header(data, "segment")
        encoded = packed_layout.encode_segment_header(header)
        assert packed_layout.decode_segment_header(encoded, "segment") == header


def check_packed_record(data: bytes) -> None:
    """What a packed blob begins with; its crc covers where it stands."""
    with suppress(*_REFUSALS):
        header = packed_layout.decode_record_header(data, bytes(range(6)), 4096, "record")
        encoded = packed_layout.encode_record_header(header, bytes(range(6)), 4096)
        again = packed_layout.decode_record_header(encoded, bytes(range(6)), 4096, "record")
        assert replace(again, is_deleted=header.is_deleted) == header


def check_moved_map(data: bytes) -> None:
    """Where the blobs that were born in a segment are now."""
    with suppress(*_REFUSALS):
        places = moved_layout.decode_moved_map(data, bytes(range(6)), "map")
        encoded = moved_layout.encode_moved_map(bytes(range(6)), places)
        assert moved_layout.decode_moved_map(encoded, bytes(range(6)), "map") == places


def check_hello(data: bytes) -> None:
    """The first message of a connection."""
    with suppress(ConnectionLostError, UnknownFormatError):
        position = commit_protocol.check_hello(data)
        assert data == commit_protocol.encode_hello(position)


def check_message(data: bytes) -> None:
    """A request or an answer of the commit protocol."""
    with suppress(ConnectionLostError):
        kind, request_id, payload = commit_protocol.decode(data)
        assert commit_protocol.encode(kind, request_id, bytes(payload)) == data
        position, rest = commit_protocol.split_position(payload)
        assert commit_protocol.encode_position(position) + rest == payload


def check_log_cursor(data: bytes) -> None:
    """How far a consumer of the log has come."""
    with suppress(*_REFUSALS):
        position = decode_log_cursor(data, "cursor")
        assert decode_log_cursor(encode_log_cursor(position), "cursor") == position


class _RecordingTransport(asyncio.Transport):
    """Where a connection's bytes would go."""

    def __init__(self) -> None:
        super().__init__()
        self.is_closed = False

    def pause_reading(self) -> None:
        """See `asyncio.ReadTransport`."""

    def close(self) -> None:
        """See `asyncio.BaseTransport`."""
        self.is_closed = True


def _received(pieces: list[bytes]) -> tuple[list[bytes], bool]:
    async def receive() -> tuple[list[bytes], bool]:
        connection = _FramedConnection()
        transport = _RecordingTransport()
        connection.connection_made(transport)
        for piece in pieces:
            if not transport.is_closed:
                connection.data_received(piece)
        return list(connection._received), transport.is_closed

    return asyncio.run(receive())


def check_socket_framing(data: bytes) -> None:
    """Messages on a socket: however the bytes arrive, the same messages come out, or none more."""
    messages, is_closed = _received([data])
    third = len(data) // 3
    in_pieces = _received([data[:1], data[1:third], data[third:]])

    assert in_pieces == (messages, is_closed)
    framed = b"".join(_U32.pack(len(message)) + message for message in messages)
    assert data.startswith(framed)


def check_sealed_secret(data: bytes) -> None:
    """A secret as it lies in the index."""
    with suppress(*_REFUSALS):
        _SEALER.open(AccessKey("KEY", "alice", data))


def check_encryption_record(data: bytes) -> None:
    """What an object keeps of its data key: only what was wrapped opens."""
    with suppress(*_REFUSALS):
        record = decode_encryption_record(data)
        assert decode_encryption_record(encode_encryption_record(record)) == record
    with suppress(*_REFUSALS, EncryptionKeyError):
        assert _RING.unwrap(data) == _RING.unwrap(_RECORD)


def check_encrypted_body(data: bytes) -> None:
    """A stream of one chunk: only what was sealed opens."""
    with suppress(*_REFUSALS):
        opener = StreamOpener(_RING.unwrap(_RECORD), b"", len(data), ByteSpan(0, 4))
        assert opener.open(0, data) == b"body"


def check_key_register(data: bytes) -> None:
    """The list of the master keys in use."""
    with suppress(*_REFUSALS):
        keys = decode_register(data, "register")
        assert decode_register(encode_register(keys), "register") == keys


class _Zeros:
    """A `Random` whose bytes are known."""

    def token_bytes(self, size_bytes: int) -> bytes:
        """See `Random.token_bytes`."""
        return bytes(size_bytes)

    def uniform(self, low: float, high: float) -> float:
        """See `Random.uniform`."""
        return (low + high) / 2


_SEALER = SecretSealer(bytes(32))
_RING = KeyRing(MasterKey(bytes(32)))
_RECORD = _RING.active.wrap(_RING.new_data_key(_Zeros()), _Zeros())
_BODY = bytes(StreamSealer(_RING.unwrap(_RECORD)).seal(b"body", is_last=True))
_COMMANDS = _golden("command-*")
_MESSAGES = tuple(commit_protocol.encode(1, 7, command) for command in _COMMANDS)

_PACKED_SEGMENT = _golden("packed-segment*")[0]

STORED_FORMATS = [
    Decoder("segment-header", check_segment_header, (_SEGMENT[: wal_frame.BLOCK_SIZE_BYTES],)),
    Decoder("frame", check_frame, (_FRAME,)),
    Decoder("segment", check_segment, (_SEGMENT,)),
    Decoder("command", check_command, _COMMANDS),
    Decoder("outcome", check_outcome, _golden("outcome-*")),
    Decoder(
        "outcome-row",
        check_outcome_row,
        (b"".join(encode_outcome_row(OutcomeRow(7, bytes(16), Committed(7, b"v", "etag")))),),
    ),
    *(
        Decoder(f"row-{name}", _check_row(codec), _golden(f"row-{name}*"))
        for name, codec in _ROW_CODECS.items()
    ),
    Decoder("row-key", check_row_key, (rows.ordered("a\0b") + bytes(16), rows.ordered("é"))),
    Decoder("checkpoint", check_checkpoint, _golden("checkpoint.v*")),
    Decoder("backup-manifest", check_manifest, _golden("backup-manifest*")),
    Decoder("blob-tail", check_blob_tail, _golden("blob-tail*")),
    Decoder("log-cursor", check_log_cursor, _golden("log-cursor*")),
    Decoder("packed-segment-header", check_packed_segment_header, (_PACKED_SEGMENT[:24],)),
    Decoder("packed-record", check_packed_record, (_PACKED_SEGMENT[4096:8192],)),
    Decoder("moved-map", check_moved_map, _golden("moved-map*")),
    Decoder("hello", check_hello, (commit_protocol.encode_hello(),)),
    Decoder("message", check_message, _MESSAGES),
    Decoder(
        "socket-framing",
        check_socket_framing,
        (b"".join(_U32.pack(len(message)) + message for message in _MESSAGES[:3]),),
    ),
    Decoder(
        "encryption-record", check_encryption_record, (_RECORD, *_golden("encryption-record*"))
    ),
    Decoder("encrypted-body", check_encrypted_body, (_BODY,)),
    Decoder("key-register", check_key_register, _golden("key-register*")),
    Decoder(
        "sealed-secret", check_sealed_secret, (_SEALER.seal("secret", "KEY", "alice", _Zeros()),)
    ),
]
