"""The payload of a request, as it comes in from the HTTP server: unframed, bounded, verified.

::

    receive ──> [aws-chunked decoder] ──> read() ──> the operation hashes and keeps the bytes
                        │ trailers                             │ hashers()
                        └──────────────> verify() <────────────┘

What vouches for the bytes: a declared SHA-256 or chunk signatures (`x-amz-content-sha256`),
`Content-MD5`, `x-amz-checksum-*` as header or trailer, and the declared length. Until `verify` has
returned, nothing of a body is to be believed. Source: S3 API Reference, "PutObject", "Checking
object integrity" and "Transferring Payload in Multiple Chunks".
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rucket.model.checksums import ChecksumAlgorithm
from rucket.model.errors import (
    BadDigest,
    EntityTooLarge,
    IncompleteBody,
    MaxMessageLengthExceeded,
    RequestTimeout,
    XAmzContentSHA256Mismatch,
)
from rucket.wire.checksums import (
    DeclaredChecksum,
    Hasher,
    check_digest,
    new_hasher,
    parse_declared_checksum,
    parse_trailer_names,
)
from rucket.wire.headers import parse_content_length, parse_content_md5
from rucket.wire.sigv4.chunked_payload import ChunkedPayloadDecoder
from rucket.wire.sigv4.payload_hash import PayloadKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rucket.ports.asgi import Receive
    from rucket.ports.clock import Clock
    from rucket.ports.tasks import Tasks
    from rucket.service.gateway import ServiceSettings
    from rucket.wire.operation import Body
    from rucket.wire.sigv4.signature import SigningContext

DECODED_INLINE_BYTES_MAX = 128 * 1024
"""Signed chunks above this are hashed off the event loop."""

_DECODED_LENGTH = "x-amz-decoded-content-length"
_FRAMING_BYTES_PER_PAYLOAD_BYTE = 2
_FRAMING_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class BodyPromises:
    """What a request says of its body, beside its length: None for what it doesn't say."""

    sha256: str | None = None
    md5: bytes | None = None
    checksum: DeclaredChecksum | None = None


def read_promises(
    headers: Mapping[str, str], context: SigningContext | None, *, checksum_covers_body: bool
) -> BodyPromises:
    """What the headers promise.

    Args:
        headers: lower-case names.
        context: what the signature says; None for an anonymous request.
        checksum_covers_body: False where `x-amz-checksum-*` is about something else, as in
            CompleteMultipartUpload.

    Raises:
        InvalidRequest, InvalidDigest, BadDigest: a header makes no sense.
    """
    sha256 = None
    if context is not None and context.payload.kind is PayloadKind.SHA256:
        sha256 = context.payload.declared.lower()
    checksum = parse_declared_checksum(headers) if checksum_covers_body else None
    return BodyPromises(sha256, parse_content_md5(headers.get("content-md5")), checksum)


class IncomingBytes:
    """What a client sends after the headers, message by message.

    Args:
        receive: of the request.
        headers: lower-case names.
        tasks: for time-outs.
        clock: for what they come to in all.
        settings: how slow a client may be.

    A client may send nothing for a while, and after as long in all it must have kept up a rate:
    one that sends a byte now and then would hold its place among the requests in flight for ever.
    """

    def __init__(
        self,
        receive: Receive,
        headers: Mapping[str, str],
        tasks: Tasks,
        clock: Clock,
        settings: ServiceSettings,
    ) -> None:
        self._receive = receive
        self._tasks = tasks
        self._clock = clock
        self._idle_timeout_s = settings.body_idle_timeout_s
        self._bytes_per_s_min = settings.body_bytes_per_s_min
        self._awaited_s = 0.0
        self._awaits_continue = "expect" in headers
        self.has_ended = not has_body(headers)
        self._announced_bytes = _announced_bytes(headers)
        self.has_broken_off = False
        self.received_bytes = 0

    async def read(self) -> bytes | bytearray:
        """The bytes of the next message; `has_ended` is set with the last one.

        Raises:
            RequestTimeout: nothing came in time, or too little.
            IncompleteBody: the client went away.
        """
        self._awaits_continue = False
        earned_s = self._idle_timeout_s + self.received_bytes / self._bytes_per_s_min
        left_s = earned_s - self._awaited_s
        started_s = self._clock.monotonic_s()
        if left_s <= 0:
            self.has_ended = self.has_broken_off = True
            raise RequestTimeout
        try:
            message = await self._tasks.within(min(self._idle_timeout_s, left_s), self._receive())
        except TimeoutError as error:
            self.has_ended = self.has_broken_off = True
            raise RequestTimeout from error
        self._awaited_s += self._clock.monotonic_s() - started_s
        if message["type"] != "http.request":
            self.has_ended = self.has_broken_off = True
            raise IncompleteBody("The client went away before the body had ended.")
        data: bytes | bytearray = message.get("body", b"")
        self.received_bytes += len(data)
        self.has_ended = not message.get("more_body", False)
        return data

    @property
    def is_left_unread(self) -> bool:
        """Whether the client is sending something that nobody has read.

        One that waits for ``100 Continue`` isn't: it sends nothing after a final answer.
        """
        return not self.has_ended and not self._awaits_continue

    async def discard(self, size_bytes_max: int) -> None:
        """Reads on until the end, so that the client gets to see an early answer.

        Doesn't begin with more than `size_bytes_max` bytes, where the client said how many it will
        be; stops after as many, or when the client is gone or too slow.
        """
        limit = self.received_bytes + size_bytes_max
        if self._announced_bytes > limit:
            return
        while not self.has_ended and self.received_bytes < limit:
            try:
                await self.read()
            except (IncompleteBody, RequestTimeout):
                return


class RequestBody:
    """The payload in those bytes; satisfies `rucket.wire.operation.Body`.

    Args:
        incoming: of the request.
        headers: lower-case names.
        context: what the signature says; None for an anonymous request.
        promises: what `verify` compares with.
        settings: how large and how slow a body may be.
        tasks: for hashing large pieces off the event loop.

    Raises:
        InvalidRequest: a header about the length or the framing makes no sense.
        EntityTooLarge: the declared length is too large.
    """

    def __init__(
        self,
        incoming: IncomingBytes,
        headers: Mapping[str, str],
        context: SigningContext | None,
        promises: BodyPromises,
        settings: ServiceSettings,
        tasks: Tasks,
    ) -> None:
        self._incoming = incoming
        self._settings = settings
        self._tasks = tasks
        self._promises = promises
        self._is_complete = False
        self._content_length = parse_content_length(headers.get("content-length"))
        self._decoder = _decoder(headers, context)
        self._hashes_chunks = context is not None and context.payload.kind.has_chunk_signatures
        self.size_bytes = self._declared_size(headers)
        if (self.size_bytes or 0) > settings.body_size_bytes_max:
            raise self._too_large(self.size_bytes or 0)
        self._size_bytes_read = 0
        self._trailers: Mapping[str, str] = {}
        self._md5 = None if promises.md5 is None else hashlib.md5(usedforsecurity=False)
        self._sha256 = None if promises.sha256 is None else hashlib.sha256()
        self._checksum: Hasher | None = None
        if promises.checksum is not None:
            algorithm = promises.checksum.algorithm
            self._checksum = self.hasher_of(algorithm) or new_hasher(algorithm)

    async def read(self) -> bytes | bytearray | memoryview:
        """The next piece, empty at the end. See `rucket.wire.operation.Body`."""
        while not self._incoming.has_ended:
            data = await self._incoming.read()
            piece: bytes | bytearray | memoryview = data
            if data and self._decoder is not None:
                piece = await self._decode(self._decoder, data)
            self._size_bytes_read += len(piece)
            self._check_limits()
            if piece:
                return piece
        if not self._is_complete:
            self._check_completeness()
            self._is_complete = True
        return b""

    def hashers(self) -> list[Hasher]:
        """What must see every byte of the payload before `verify`."""
        needed = (self._md5, self._sha256, self._checksum)
        return list({id(hasher): hasher for hasher in needed if hasher is not None}.values())

    def hasher_of(self, algorithm: ChecksumAlgorithm) -> Hasher | None:
        """See `rucket.wire.operation.Body`."""
        if algorithm is ChecksumAlgorithm.SHA256 and self._sha256 is not None:
            return self._sha256
        promised = self._promises.checksum
        return self._checksum if promised is not None and promised.algorithm is algorithm else None

    def verify(self) -> None:
        """Compares what was promised with what came. See `rucket.wire.operation.Body`."""
        assert self._is_complete, "verify comes after the end of the body"
        promises = self._promises
        if self._sha256 is not None and self._sha256.hexdigest() != promises.sha256:
            raise XAmzContentSHA256Mismatch(
                ClientComputedContentSHA256=promises.sha256 or "",
                S3ComputedContentSHA256=self._sha256.hexdigest(),
            )
        if self._md5 is not None and self._md5.digest() != promises.md5:
            raise BadDigest("The Content-MD5 you specified did not match what we received.")
        if promises.checksum is not None and self._checksum is not None:
            expected = promises.checksum.expected_digest(self._trailers)
            check_digest(promises.checksum.algorithm, expected, self._checksum.digest())

    async def _decode(
        self, decoder: ChunkedPayloadDecoder, data: bytes | bytearray
    ) -> bytes | memoryview:
        if self._hashes_chunks and len(data) > DECODED_INLINE_BYTES_MAX:
            pieces = await self._tasks.run_blocking(decoder.feed, data)
        else:
            pieces = decoder.feed(data)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _check_limits(self) -> None:
        size_bytes_max = self._settings.body_size_bytes_max
        if self._size_bytes_read > size_bytes_max:
            raise self._too_large(self._size_bytes_read)
        framed_bytes_max = size_bytes_max * _FRAMING_BYTES_PER_PAYLOAD_BYTE + _FRAMING_BYTES_MAX
        if self._incoming.received_bytes > framed_bytes_max:
            raise self._too_large(self._incoming.received_bytes)

    def _check_completeness(self) -> None:
        if (
            self._content_length is not None
            and self._incoming.received_bytes != self._content_length
        ):
            raise IncompleteBody
        if self._decoder is not None:
            self._trailers = self._decoder.finish()

    def _declared_size(self, headers: Mapping[str, str]) -> int | None:
        if self._decoder is None:
            return 0 if self._incoming.has_ended else self._content_length
        return parse_content_length(headers.get(_DECODED_LENGTH), _DECODED_LENGTH)

    def _too_large(self, size_bytes: int) -> EntityTooLarge:
        return EntityTooLarge(
            ProposedSize=str(size_bytes),
            MaxSizeAllowed=str(self._settings.body_size_bytes_max),
        )


class NoBody:
    """The body of a request that has none and needs none, as nearly every GET; a `Body`."""

    size_bytes: int | None = 0

    async def read(self) -> bytes:
        """Nothing."""
        return b""

    def hashers(self) -> list[Hasher]:
        """Nothing has to be seen."""
        return []

    def hasher_of(self, algorithm: ChecksumAlgorithm) -> None:
        """There is none."""

    def verify(self) -> None:
        """Nothing was promised that anybody would look at."""


NO_BODY = NoBody()


def has_body(headers: Mapping[str, str]) -> bool:
    """Whether the headers announce a body. Source: RFC 9112 §6.3."""
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _announced_bytes(headers: Mapping[str, str]) -> int:
    """The content length; 0 where it isn't known, or isn't one."""
    text = headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else 0


async def read_small(body: Body, size_bytes_max: int) -> bytes:
    """The whole of a body that has to be looked at as a whole (an XML document), verified.

    Raises:
        MaxMessageLengthExceeded: it is longer than `size_bytes_max`.
        S3Error: as `Body.read` and `Body.verify`.
    """
    if (body.size_bytes or 0) > size_bytes_max:
        raise MaxMessageLengthExceeded(MaxMessageLengthBytes=str(size_bytes_max))
    hashers = body.hashers()
    collected = bytearray()
    while piece := await body.read():
        if len(collected) + len(piece) > size_bytes_max:
            raise MaxMessageLengthExceeded(MaxMessageLengthBytes=str(size_bytes_max))
        for hasher in hashers:
            hasher.update(piece)
        collected += piece
    body.verify()
    return bytes(collected)


def _decoder(
    headers: Mapping[str, str], context: SigningContext | None
) -> ChunkedPayloadDecoder | None:
    """What takes the framing off. `x-amz-content-sha256` says whether there is one.

    ``aws-chunked`` in Content-Encoding alone says nothing: clients send it with plain bodies, too.
    """
    if context is None or not context.payload.kind.is_chunked:
        return None
    return ChunkedPayloadDecoder(
        context,
        parse_content_length(headers.get(_DECODED_LENGTH), _DECODED_LENGTH),
        parse_trailer_names(headers),
    )
