"""A client that talks ASGI to an application in the same process, and signs as real ones do."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from defusedxml.ElementTree import fromstring

from rucket.ports.asgi import IS_ONE_TOO_MANY, ClientGoneError
from rucket.wire.sigv4.canonical_request import SignedRequest
from rucket.wire.sigv4.signer import SigningCredentials, sign_headers
from tests.unit.fakes import NOW_MS, ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from xml.etree.ElementTree import Element

    from rucket.ports.asgi import Application, Message
    from rucket.service.gateway import ConfiguredUser

HOST = "127.0.0.1:9000"
_NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"


@dataclass(slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes
    is_complete: bool = True

    @property
    def xml(self) -> Element:
        """The body as a document, names without S3's namespace."""
        root: Element = fromstring(self.body)
        for element in root.iter():
            element.tag = element.tag.removeprefix(_NAMESPACE)
        return root

    @property
    def error_code(self) -> str:
        """The code of an error document."""
        return self.xml.findtext("Code", "")

    def texts(self, path: str) -> list[str]:
        """The texts of all elements at `path`."""
        return [element.text or "" for element in self.xml.findall(path)]


@dataclass(slots=True)
class Transfer:
    """Both ends of `receive` and `send` for one request.

    Attributes:
        pieces: what the client sends of its body, in order; None stands for leaving.
        received_count: how many of them the application has taken.
        sent: what the application has sent.
        sent_count_max: after so many messages the client leaves; None: it stays.
    """

    pieces: deque[bytes | None]
    ends: bool = True
    received_count: int = 0
    sent: list[Message] = field(default_factory=list)
    sent_count_max: int | None = None

    async def receive(self) -> Message:
        """See ASGI. After the body, waits for ever, as for a client that waits for its answer."""
        if not self.pieces:
            if self.ends and not self.received_count:
                self.received_count += 1
                return {"type": "http.request", "body": b"", "more_body": False}
            await asyncio.get_running_loop().create_future()
        piece = self.pieces.popleft()
        self.received_count += 1
        if piece is None:
            return {"type": "http.disconnect"}
        more = bool(self.pieces) or not self.ends
        return {"type": "http.request", "body": piece, "more_body": more}

    async def send(self, message: Message) -> None:
        """See ASGI."""
        if len(self.sent) == self.sent_count_max:
            raise ClientGoneError
        self.sent.append(dict(message))

    def answer(self) -> Answer:
        """What was sent, put together."""
        start = self.sent[0]
        assert start["type"] == "http.response.start"
        return Answer(
            start["status"],
            {name.decode(): value.decode("latin-1") for name, value in start["headers"]},
            b"".join([bytes(message.get("body", b"")) for message in self.sent[1:]]),
            is_complete=not self.sent[-1].get("more_body", False),
        )


@dataclass(slots=True)
class Client:
    """Sends requests as a user, or as nobody."""

    application: Application
    user: ConfiguredUser | None = ROOT
    now_ms: int = NOW_MS
    is_one_too_many: bool = False

    async def request(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Sends one request, and returns its answer."""
        transfer = Transfer(deque([body] if body else []))
        await self.exchange(method, target, transfer, body, headers or {})
        return transfer.answer()

    async def exchange(
        self,
        method: str,
        target: str,
        transfer: Transfer,
        body: bytes,
        headers: Mapping[str, str],
    ) -> None:
        """Sends one request through `transfer`; `body` is what is signed and announced."""
        raw_path, _, raw_query = target.encode().partition(b"?")
        all_headers = {"host": HOST, **headers}
        if body:
            all_headers.setdefault("content-length", str(len(body)))
        if self.user is not None:
            all_headers |= self._signature(method, raw_path, raw_query, all_headers, body)
        scope = _scope(method, raw_path, raw_query, list(all_headers.items()))
        scope[IS_ONE_TOO_MANY] = self.is_one_too_many
        await self.application(scope, transfer.receive, transfer.send)

    def _signature(
        self,
        method: str,
        raw_path: bytes,
        raw_query: bytes,
        headers: Mapping[str, str],
        body: bytes,
    ) -> dict[str, str]:
        assert self.user is not None
        credentials = SigningCredentials(self.user.access_key_id, self.user.secret_access_key)
        payload_hash = headers.get("x-amz-content-sha256", hashlib.sha256(body).hexdigest())
        request = SignedRequest(method, raw_path, raw_query, headers)
        return sign_headers(request, credentials, self.now_ms, payload_hash)


def _scope(
    method: str, raw_path: bytes, raw_query: bytes, headers: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": raw_path.decode(),
        "raw_path": raw_path,
        "root_path": "",
        "query_string": raw_query,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 9000),
    }
