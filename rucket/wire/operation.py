"""One S3 operation as the wire layer sees it: a request with its target resolved and its signature
verified goes in, a response comes out.

Each file of `rucket.wire.operations` holds one operation: an async function
``(S3Request, Gateway) -> S3Response``. It raises `S3Error` for what the client did wrong; the
application renders that as an error document.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rucket.model.checksums import ChecksumAlgorithm
    from rucket.service.authorization.requester import Requester
    from rucket.service.gateway import Gateway
    from rucket.wire.checksums import Hasher
    from rucket.wire.request_target import QueryParameters


class Body(Protocol):
    """The payload of a request: framing removed, read once, never held whole."""

    size_bytes: int | None
    """How long it will be, where the client said so."""

    async def read(self) -> bytes | bytearray | memoryview:
        """The next piece, empty at the end, and the caller's from now on. The first call makes the
        server answer ``100 Continue``, so authorise before.

        Raises:
            S3Error: the body broke off, was too long, came too slowly, or a chunk's signature or
                framing is wrong.
        """
        ...

    def hashers(self) -> list[Hasher]:
        """What must be fed with every byte of the payload, in order, for `verify`."""
        ...

    def hasher_of(self, algorithm: ChecksumAlgorithm) -> Hasher | None:
        """The one of `hashers` that computes this checksum, if one does: nobody has to compute it
        once more.
        """
        ...

    def verify(self) -> None:
        """Compares digests once the body has been read to its end and the hashers fed: the
        payload's SHA-256, Content-MD5, x-amz-checksum-* as header or trailer. Nothing may be
        committed before.

        Raises:
            XAmzContentSHA256Mismatch, BadDigest: they differ.
        """
        ...


class S3Request(msgspec.Struct, frozen=True):
    """A request whose sender is known. A Struct, because one is made for every request.

    Attributes:
        headers: lower-case names; repeated headers joined with ``,``.
        requester: who signed it; the anonymous requester if nobody did.
        raw_path: as it came, percent-encoded, for error documents.
        scheme: ``http`` or ``https``, as the client's connection to us has it.
    """

    method: str
    bucket: str | None
    key: str | None
    query: QueryParameters
    headers: Mapping[str, str]
    requester: Requester
    body: Body
    raw_path: str
    scheme: str
    host: str
    request_id: str


@dataclass(slots=True)
class S3Response:
    """A response.

    Attributes:
        headers: in order; the application adds the request id, the date and, for a body of
            bytes, its Content-Length.
        body: all of it, or an iterator whose Content-Length the operation has put in `headers`.
            The iterator is closed (``aclose``) whatever happens.
    """

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | AsyncIterator[bytes] = b""


Operation = Callable[["S3Request", "Gateway"], Awaitable[S3Response]]
