"""The ``aws-chunked`` body, decoded without I/O as its bytes arrive.

::

    signed      size[;chunk-signature=…]CRLF data CRLF … 0;chunk-signature=…CRLF CRLF
    +trailer    … 0;chunk-signature=…CRLF name:value CRLF x-amz-trailer-signature:…CRLF CRLF
    unsigned    size CRLF data CRLF … 0 CRLF name:value CRLF CRLF

    SIZE_LINE ──size > 0──> DATA ──all of it──> DATA_END ──CRLF, signature right──┐
        ^  │                                                                      │
        └──┼──────────────────────────────────────────────────────────────────────┘
           └──size 0, signature right──> TRAILER (or LAST_LINE) ──blank line──> DONE

Bytes are handed on as they come and hashed on the way; a chunk's signature is compared at its end,
so that memory doesn't grow with the size of a chunk, whatever a client announces. **Nothing that
``feed`` returns is verified until ``finish`` has returned**: the caller writes the bytes to a place
that nobody reads, and commits after ``finish``. A wrong signature, length or trailer raises before.

Besides what AWS writes down, the decoder takes what its clients send: LF for CRLF among the
trailers, and a blank line before the trailers or before their signature. Source: S3 API Reference,
"Transferring Payload in Multiple Chunks" and "Including Trailing Headers".
"""

from __future__ import annotations

import hashlib
import hmac
from enum import Enum
from typing import TYPE_CHECKING

from rucket.model.errors import IncompleteBody, InvalidRequest, S3Error, SignatureDoesNotMatch
from rucket.wire.sigv4.signing_key import sign

if TYPE_CHECKING:
    from rucket.wire.sigv4.payload_hash import PayloadKind
    from rucket.wire.sigv4.signature import SigningContext

SIZE_LINE_BYTES_MAX = 512
TRAILER_BYTES_MAX = 8 * 1024
_SIZE_DIGITS_MAX = 16
_TAIL_BYTES_MAX = 4
_EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
_SIGNATURE_EXTENSION = b"chunk-signature="
_TRAILER_SIGNATURE = "x-amz-trailer-signature"
_HEX_DIGITS = b"0123456789abcdefABCDEF"


class _State(Enum):
    SIZE_LINE = "the size of the next chunk"
    DATA = "the bytes of a chunk"
    DATA_END = "the CRLF after a chunk"
    LAST_LINE = "the CRLF after the last chunk"
    TRAILER = "the trailing headers"
    DONE = "nothing more"


class ChunkedPayloadDecoder:
    """Decodes and verifies one body.

    Args:
        context: of the verified request; its payload kind tells the framing.
        decoded_length: ``x-amz-decoded-content-length``; None when the client needn't send it.
        trailer_names: lower-case names announced in ``x-amz-trailer``. Each has to arrive, and
            no other may.
    """

    def __init__(
        self,
        context: SigningContext,
        decoded_length: int | None,
        trailer_names: frozenset[str] = frozenset(),
    ) -> None:
        kind = context.payload.kind
        assert kind.is_chunked, kind
        self._context = context
        self._kind: PayloadKind = kind
        self._decoded_length = decoded_length
        self._trailer_names = trailer_names if kind.has_trailer else frozenset()
        self._state = _State.SIZE_LINE
        self._line = bytearray()  # the beginning of a line whose end hasn't come yet
        self._received_bytes = 0
        self._chunk_remaining = 0
        self._chunk_signature = ""
        self._previous_signature = context.seed_signature
        self._chunk_hash = hashlib.sha256()
        self._trailer_bytes = 0
        self._trailers: dict[str, str] = {}
        self._tail_bytes = 0

    @property
    def is_done(self) -> bool:
        """Whether the body has ended and everything in it has been verified."""
        return self._state is _State.DONE

    def feed(self, data: bytes | bytearray) -> list[memoryview]:
        """Take the next bytes of the body.

        Hashing releases the interpreter lock for pieces above 2 KiB, so that this may well run in
        a thread.

        Returns:
            Pieces of the payload in order: views of ``data``, not verified yet.

        Raises:
            SignatureDoesNotMatch: a chunk or the trailers aren't signed as they should be.
            IncompleteBody: there is more than ``decoded_length``.
            InvalidRequest: the framing or a trailer is malformed.
        """
        pieces: list[memoryview] = []
        view = memoryview(data)
        position, end = 0, len(data)
        while position < end:
            if self._state is _State.DATA:
                piece = view[position : position + self._chunk_remaining]
                position += len(piece)
                self._take_data(piece)
                pieces.append(piece)
            elif self._state is _State.DONE:
                self._take_tail(data[position : position + _TAIL_BYTES_MAX + 1])
                break
            else:
                position = self._take_line(data, position)
        return pieces

    def finish(self) -> dict[str, str]:
        """The body has ended: was it whole?

        Returns:
            The trailers by lower-case name, each one of the announced ones.

        Raises:
            IncompleteBody: it ended early, or its length isn't ``decoded_length``.
            InvalidRequest: an announced trailer is missing.
        """
        if self._state is not _State.DONE:
            raise IncompleteBody("The request body terminated unexpectedly")
        if self._decoded_length is not None and self._received_bytes != self._decoded_length:
            raise _wrong_length()
        return self._trailers

    def _take_data(self, piece: memoryview) -> None:
        if self._kind.has_chunk_signatures:
            self._chunk_hash.update(piece)
        self._chunk_remaining -= len(piece)
        self._received_bytes += len(piece)
        if not self._chunk_remaining:
            self._state = _State.DATA_END

    def _take_line(self, data: bytes | bytearray, position: int) -> int:
        """Collect a line, act on it when it is whole; returns where the next one begins."""
        newline = data.find(b"\n", position)
        stop = len(data) if newline < 0 else newline + 1
        limit = TRAILER_BYTES_MAX if self._state is _State.TRAILER else SIZE_LINE_BYTES_MAX
        if len(self._line) + stop - position > limit:
            raise _malformed(self._state)
        self._line += data[position:stop]
        if newline >= 0:
            line = bytes(self._line)
            self._line.clear()
            self._act_on_line(line)
        return stop

    def _act_on_line(self, line: bytes) -> None:
        if self._state is _State.TRAILER:
            self._take_trailer_line(line)
            return
        if not line.endswith(b"\r\n"):
            raise _malformed(self._state)
        if self._state is _State.SIZE_LINE:
            self._take_size_line(line[:-2])
        elif line != b"\r\n":
            raise _malformed(self._state)
        elif self._state is _State.DATA_END:
            self._verify_chunk()
            self._state = _State.SIZE_LINE
        else:
            self._state = _State.DONE

    def _take_size_line(self, line: bytes) -> None:
        digits, _, extension = line.partition(b";")
        if not digits or len(digits) > _SIZE_DIGITS_MAX or digits.strip(_HEX_DIGITS):
            raise _malformed(_State.SIZE_LINE)
        self._chunk_remaining = int(digits, 16)
        if (
            self._decoded_length is not None
            and self._received_bytes + self._chunk_remaining > self._decoded_length
        ):
            raise _wrong_length()
        if self._kind.has_chunk_signatures:
            extension = extension.strip()
            if not extension.startswith(_SIGNATURE_EXTENSION):
                raise _malformed(_State.SIZE_LINE)
            signature = extension.removeprefix(_SIGNATURE_EXTENSION)
            self._chunk_signature = signature.decode("latin-1")
            self._chunk_hash = hashlib.sha256()
        if self._chunk_remaining:
            self._state = _State.DATA
            return
        self._verify_chunk()
        self._state = _State.TRAILER if self._kind.has_trailer else _State.LAST_LINE

    def _verify_chunk(self) -> None:
        if not self._kind.has_chunk_signatures:
            return
        self._previous_signature = self._verified(
            self._chunk_signature,
            f"AWS4-HMAC-SHA256-PAYLOAD\n{self._context.timestamp}\n{self._context.scope}\n"
            f"{self._previous_signature}\n{_EMPTY_SHA256}\n{self._chunk_hash.hexdigest()}",
        )

    def _verified(self, signature: str, text: str) -> str:
        expected = sign(self._context.signing_key, text)
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise SignatureDoesNotMatch(StringToSign=text, SignatureProvided=signature)
        return expected

    def _take_trailer_line(self, line: bytes) -> None:
        self._trailer_bytes += len(line)
        if self._trailer_bytes > TRAILER_BYTES_MAX:
            raise _malformed_trailer()
        text = line.rstrip(b"\r\n").decode("latin-1")
        if not text:
            # Before all trailers and their signature are here, a blank line isn't the end.
            if (
                len(self._trailers) == len(self._trailer_names)
                and not self._kind.has_chunk_signatures
            ):
                self._state = _State.DONE
            return
        name, colon, value = text.partition(":")
        name, value = name.strip().lower(), value.strip()
        if not colon:
            raise _malformed_trailer()
        if name == _TRAILER_SIGNATURE and self._kind.has_chunk_signatures:
            self._verify_trailers(value)
            self._state = _State.DONE
        elif name in self._trailer_names and name not in self._trailers:
            self._trailers[name] = value
        else:
            raise _malformed_trailer()

    def _verify_trailers(self, signature: str) -> None:
        if len(self._trailers) != len(self._trailer_names):
            raise _malformed_trailer()
        lines = "".join(f"{name}:{self._trailers[name]}\n" for name in sorted(self._trailers))
        digest = hashlib.sha256(lines.encode("latin-1")).hexdigest()
        self._verified(
            signature,
            f"AWS4-HMAC-SHA256-TRAILER\n{self._context.timestamp}\n{self._context.scope}\n"
            f"{self._previous_signature}\n{digest}",
        )

    def _take_tail(self, data: bytes | bytearray) -> None:
        """Some clients end with a line too many; anything else after the end is an error."""
        self._tail_bytes += len(data)
        if self._tail_bytes > _TAIL_BYTES_MAX or data.strip(b"\r\n"):
            raise _malformed(_State.DONE)


def _wrong_length() -> S3Error:
    return IncompleteBody(
        "You did not provide the number of bytes specified by the x-amz-decoded-content-length "
        "HTTP header."
    )


def _malformed(state: _State) -> S3Error:
    return InvalidRequest(f"The aws-chunked body is malformed; expected {state.value}.")


def _malformed_trailer() -> S3Error:
    return InvalidRequest(
        "The request contained trailing data that was not well-formed or did not conform to our "
        "published schema."
    )
