"""What gateways and the node say to each other.

A connection begins with a hello in both directions; then the gateway sends requests, and the node
answers each, in any order. All numbers are little-endian.

    hello     "RKTC", format_version u16, feature_level u16, position u64
    request   kind u8, request id u64, payload   (1 commit: a command; 2 status: nothing;
                                                  3 sync: nothing;
                                                  4 repeated commit: position u64, a command)
    answer    kind u8, request id u64, payload   (1 outcome: position u64, an outcome;
                                                  2 storage full: why; 3 refused: why; 4 ready;
                                                  5 overloaded: why; 6 synced)

A position is a place in the log: in a hello and an answer of the node, how far it has applied it (a
gateway's hello has 0). A commit that is sent again carries the position its gateway knew when it
sent it first. Where the node no longer knows what became of all commands since then, it refuses:
it can't tell whether this one was among them.
"""

from __future__ import annotations

import enum
import struct

from rucket.model.errors import UnknownFormatError
from rucket.ports.transport import ConnectionLostError

PROTOCOL_FORMAT_VERSION = 2
FEATURE_LEVEL = 1

_MAGIC = b"RKTC"
_HELLO_START = struct.Struct("<4sHH")
_HELLO = struct.Struct("<4sHHQ")
_HEADER = struct.Struct("<BQ")
_POSITION = struct.Struct("<Q")


class RequestKind(enum.IntEnum):
    """What a gateway asks."""

    COMMIT = 1
    STATUS = 2
    SYNC = 3
    REPEATED_COMMIT = 4


class AnswerKind(enum.IntEnum):
    """What the node answers."""

    OUTCOME = 1
    STORAGE_FULL = 2
    REFUSED = 3
    READY = 4
    OVERLOADED = 5
    SYNCED = 6


def encode_hello(position: int = 0) -> bytes:
    """The first message in each direction."""
    return _HELLO.pack(_MAGIC, PROTOCOL_FORMAT_VERSION, FEATURE_LEVEL, position)


def check_hello(message: bytes) -> int:
    """Accepts the other side's hello.

    Returns:
        Its position.

    Raises:
        ConnectionLostError: it isn't a hello.
        UnknownFormatError: the other side is of another version.
    """
    if len(message) < _HELLO_START.size or not message.startswith(_MAGIC):
        raise ConnectionLostError("the other side doesn't speak the commit protocol")
    _, format_version, feature_level = _HELLO_START.unpack_from(message)
    if format_version != PROTOCOL_FORMAT_VERSION or feature_level != FEATURE_LEVEL:
        raise UnknownFormatError("the commit protocol", format_version, PROTOCOL_FORMAT_VERSION)
    if len(message) != _HELLO.size:
        raise ConnectionLostError("the other side's hello has another size")
    position: int = _HELLO.unpack(message)[3]
    return position


def encode(kind: int, request_id: int, payload: bytes = b"") -> bytes:
    """A request or an answer."""
    return _HEADER.pack(kind, request_id) + payload


def decode(message: bytes) -> tuple[int, int, memoryview]:
    """Kind, request id and payload of a request or an answer.

    Raises:
        ConnectionLostError: it is too short to be one.
    """
    if len(message) < _HEADER.size:
        raise ConnectionLostError("the other side sent a message that is too short")
    kind, request_id = _HEADER.unpack_from(message)
    return kind, request_id, memoryview(message)[_HEADER.size :]


def encode_position(position: int) -> bytes:
    """What the payload of a repeated commit, or of an outcome, begins with."""
    return _POSITION.pack(position)


def split_position(payload: memoryview) -> tuple[int, memoryview]:
    """The position that a payload begins with, and the rest of it.

    Raises:
        ConnectionLostError: it is too short.
    """
    if len(payload) < _POSITION.size:
        raise ConnectionLostError("the other side sent a message that is too short")
    return _POSITION.unpack_from(payload)[0], payload[_POSITION.size :]
