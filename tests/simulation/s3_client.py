"""S3 requests of a simulated client: signed, sent to some gateway, the answer taken apart.

An answer that nobody expects fails the run: it is a bug in the server, or in this file.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from defusedxml.ElementTree import fromstring

from rucket.wire.sigv4.canonical_request import SignedRequest
from rucket.wire.sigv4.payload_hash import PayloadKind
from rucket.wire.sigv4.signer import SigningCredentials, sign_headers
from tests.simulation.http_exchange import (
    AnswerBrokenOffError,
    HttpRequest,
    HttpResponse,
    RunningGateway,
    exchange,
)
from tests.simulator.errors import SimulationError

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping
    from xml.etree.ElementTree import Element

    from tests.simulator.process import SimulatedClock, SimulatedTasks

HOST = "rucket.test:9000"
BUCKET = "bucket"
REQUEST_TIMEOUT_S = 120.0
_CONNECT_PAUSE_S = 0.02
_HANG_UP_RATE = 0.03
_HANG_UP_AFTER_S_MAX = 0.05
WRITE_ID_HEADER = "x-amz-meta-write-id"

_XMLNS = "{http://s3.amazonaws.com/doc/2006-03-01/}"


class UnavailableError(Exception):
    """A read was answered with 503, or a range wasn't there: it says nothing."""


class UnexpectedAnswerError(SimulationError):
    """The server said something it must not say here."""

    def __init__(self, request: HttpRequest, response: HttpResponse) -> None:
        super().__init__(
            f"{request.method} {request.raw_path.decode()}?{request.raw_query.decode()}: "
            f"{response.status} {response.body[:600]!r}"
        )


@dataclass(frozen=True, slots=True)
class FoundObject:
    """What a GET or HEAD has found. `body` is empty for HEAD."""

    write_id: str
    etag: str
    size_bytes: int
    body: bytes


@dataclass(frozen=True, slots=True)
class ListedPage:
    """A page of a listing: keys with entity tags, and how to go on."""

    entries: tuple[tuple[str, str], ...]
    next_token: str | None


class S3Client:
    """One client.

    Args:
        credentials: whose requests these are.
        pick_gateway: a running gateway, or None.
        random: has the client hang up now and then.
        disk_fails: whether InternalError has a good reason.
    """

    def __init__(
        self,
        credentials: SigningCredentials,
        tasks: SimulatedTasks,
        clock: SimulatedClock,
        pick_gateway: Callable[[], RunningGateway | None],
        *,
        random: random.Random,
        disk_fails: bool,
    ) -> None:
        self._credentials = credentials
        self._tasks = tasks
        self._clock = clock
        self._pick_gateway = pick_gateway
        self._random = random
        self._disk_fails = disk_fails

    async def send(
        self,
        method: str,
        path: str,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> tuple[HttpRequest, HttpResponse]:
        """Sends a request, once there is somebody to send it to; returns it with the response.

        Raises:
            ConnectionLostError: the gateway died.
            TimeoutError: there was no answer in time.
        """
        while (gateway := self._pick_gateway()) is None:
            await self._tasks.sleep(_CONNECT_PAUSE_S)
        to_sign = {"host": HOST, **(headers or {})}
        if body or method in {"PUT", "POST"}:
            to_sign["content-length"] = str(len(body))
        raw_path, raw_query = quote(path).encode(), query.encode()
        payload_hash = PayloadKind.UNSIGNED.value
        if len(body) % 2:
            payload_hash = hashlib.sha256(body).hexdigest()
        signed = sign_headers(
            SignedRequest(method, raw_path, raw_query, to_sign),
            self._credentials,
            self._clock.wall_ms(),
            payload_hash,
        )
        request = HttpRequest(method, raw_path, raw_query, {**to_sign, **signed}, body)
        patience_s = REQUEST_TIMEOUT_S
        if self._random.random() < _HANG_UP_RATE:
            patience_s = self._random.random() * _HANG_UP_AFTER_S_MAX
        try:
            response = await self._tasks.within(patience_s, exchange(gateway, request))
        except AnswerBrokenOffError as error:
            if not self._disk_fails:
                raise SimulationError(f"{method} {path}?{query}: {error}") from error
            raise
        return request, response

    def _unknown(self, request: HttpRequest, response: HttpResponse) -> str:
        """``unknown`` for answers that say nothing about what happened.

        Raises:
            UnexpectedAnswerError: the answer says something else.
        """
        if response.status == 503 or (response.status == 500 and self._disk_fails):
            return "unknown"
        raise UnexpectedAnswerError(request, response)

    async def create_bucket(self) -> bool:
        """CreateBucket; whether it was acknowledged."""
        _, response = await self.send("PUT", f"/{BUCKET}")
        return response.status == 200

    async def put(self, key: str, write_id: str, body: bytes, *, only_new: bool = False) -> str:
        """PutObject: ``done``, ``refused`` or ``unknown``."""
        headers = {WRITE_ID_HEADER: write_id}
        if only_new:
            headers["if-none-match"] = "*"
        request, response = await self.send("PUT", f"/{BUCKET}/{key}", "", headers, body)
        if response.status == 200:
            return "done"
        if response.status == 412 and only_new:
            return "refused"
        return self._unknown(request, response)

    async def delete(self, key: str) -> str:
        """DeleteObject: ``done`` or ``unknown``."""
        request, response = await self.send("DELETE", f"/{BUCKET}/{key}")
        return "done" if response.status == 204 else self._unknown(request, response)

    async def copy(self, source: str, key: str, write_id: str) -> str | None:
        """CopyObject under a new write id: the entity tag, ``""`` if unknown, None if there is no
        source."""
        headers = {
            WRITE_ID_HEADER: write_id,
            "x-amz-metadata-directive": "REPLACE",
            "x-amz-copy-source": f"/{BUCKET}/{source}",
        }
        request, response = await self.send("PUT", f"/{BUCKET}/{key}", "", headers)
        if response.status == 404 and _code(response) == "NoSuchKey":
            return None
        if response.status != 200:
            self._unknown(request, response)
            return ""
        root = fromstring(response.body)
        if root.tag.endswith("Error"):
            return ""
        return _child_text(root, "ETag").strip('"')

    async def get(
        self, key: str, *, head: bool = False, span: tuple[int, int] | None = None
    ) -> FoundObject | None:
        """GetObject, maybe of the bytes from one to another, or HeadObject; None if there is no
        such object.

        Raises:
            UnavailableError: the server couldn't say.
        """
        headers = {} if span is None else {"range": f"bytes={span[0]}-{span[1]}"}
        request, response = await self.send(
            "HEAD" if head else "GET", f"/{BUCKET}/{key}", "", headers
        )
        if response.status == 404 and (head or _code(response) == "NoSuchKey"):
            return None
        if response.status == 416 and span is not None:
            raise UnavailableError
        if response.status != (200 if span is None else 206):
            self._unknown(request, response)
            raise UnavailableError
        size_bytes = int(response.headers["content-length"])
        if not head and size_bytes != len(response.body):
            # The answer broke off; a real client would see the connection close early.
            raise UnexpectedAnswerError(request, response)
        return FoundObject(
            response.headers[WRITE_ID_HEADER],
            response.headers["etag"].strip('"'),
            size_bytes,
            response.body,
        )

    async def list_page(self, token: str | None, max_keys: int) -> ListedPage:
        """A page of ListObjectsV2.

        Raises:
            UnavailableError: the server couldn't say.
        """
        query = f"list-type=2&max-keys={max_keys}"
        if token is not None:
            query += f"&continuation-token={quote(token, safe='')}"
        request, response = await self.send("GET", f"/{BUCKET}", query)
        if response.status != 200:
            self._unknown(request, response)
            raise UnavailableError
        root = fromstring(response.body)
        entries = tuple(
            (_child_text(entry, "Key"), _child_text(entry, "ETag").strip('"'))
            for entry in root.findall(f"{_XMLNS}Contents")
        )
        more = _child_text(root, "IsTruncated") == "true"
        return ListedPage(entries, _child_text(root, "NextContinuationToken") if more else None)

    async def create_upload(self, key: str, write_id: str) -> str | None:
        """CreateMultipartUpload: the upload id; None if unknown."""
        request, response = await self.send(
            "POST", f"/{BUCKET}/{key}", "uploads=", {WRITE_ID_HEADER: write_id}
        )
        if response.status != 200:
            self._unknown(request, response)
            return None
        return _child_text(fromstring(response.body), "UploadId")

    async def put_part(self, key: str, upload_id: str, number: int, body: bytes) -> str | None:
        """UploadPart: its entity tag; None if unknown."""
        query = f"partNumber={number}&uploadId={quote(upload_id, safe='')}"
        request, response = await self.send("PUT", f"/{BUCKET}/{key}", query, {}, body)
        if response.status != 200:
            self._unknown(request, response)
            return None
        return response.headers["etag"].strip('"')

    async def complete_upload(self, key: str, upload_id: str, etags: list[str]) -> str:
        """CompleteMultipartUpload: ``done`` or ``unknown``."""
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>&quot;{etag}&quot;</ETag></Part>"
            for number, etag in enumerate(etags, start=1)
        )
        document = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        query = f"uploadId={quote(upload_id, safe='')}"
        request, response = await self.send("POST", f"/{BUCKET}/{key}", query, {}, document)
        if response.status != 200:
            return self._unknown(request, response)
        return "unknown" if fromstring(response.body.strip()).tag.endswith("Error") else "done"


def _code(response: HttpResponse) -> str:
    return _child_text(fromstring(response.body), "Code")


def _child_text(element: Element, name: str) -> str:
    child = element.find(f"{_XMLNS}{name}")
    if child is None:
        child = element.find(name)
    assert child is not None, f"no {name} in {element.tag}"
    return child.text or ""
