"""What gateways and the node say to each other.

A connection begins with a hello in both directions; then the gateway sends requests, and the node
answers each, in any order. All numbers are little-endian.

    hello     "RKTC", format_version u16, feature_level u16
    request   kind u8, request id u64, payload        (1 commit: a command; 2 status: nothing;
                                                       3 sync: nothing)
    answer    kind u8, request id u64, payload        (1 outcome; 2 storage full: why;
                                                       3 refused: why; 4 ready; 5 overloaded: why;
                                                       6 synced)
"""

from __future__ import annotations

import enum
import struct

from rucket.model.errors import UnknownFormatError
from rucket.ports.transport import ConnectionLostError

PROTOCOL_FORMAT_VERSION = 1
FEATURE_LEVEL = 1

_MAGIC = b"RKTC"
_HELLO = struct.Struct("<4sHH")
_HEADER = struct.Struct("<BQ")


class RequestKind(enum.IntEnum):
    """What a gateway asks."""

    COMMIT = 1
    STATUS = 2
    SYNC = 3


class AnswerKind(enum.IntEnum):
    """What the node answers."""

    OUTCOME = 1
    STORAGE_FULL = 2
    REFUSED = 3
    READY = 4
    OVERLOADED = 5
    SYNCED = 6


def encode_hello() -> bytes:
    """The first message in each direction."""
    return _HELLO.pack(_MAGIC, PROTOCOL_FORMAT_VERSION, FEATURE_LEVEL)


def check_hello(message: bytes) -> None:
    """Accepts the other side's hello.

    Raises:
        ConnectionLostError: it isn't a hello.
        UnknownFormatError: the other side is of another version.
    """
    if len(message) != _HELLO.size or not message.startswith(_MAGIC):
        raise ConnectionLostError("the other side doesn't speak the commit protocol")
    _, format_version, feature_level = _HELLO.unpack(message)
    if format_version != PROTOCOL_FORMAT_VERSION or feature_level != FEATURE_LEVEL:
        raise UnknownFormatError("the commit protocol", format_version, PROTOCOL_FORMAT_VERSION)


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
