"""Requests over one connection, byte by byte where needed; signed by botocore, not by our code."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from defusedxml.ElementTree import fromstring

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from xml.etree.ElementTree import Element

    from tests.server_process import Credentials

TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def error(self) -> Element:
        """The error document."""
        root: Element = fromstring(self.body)
        assert root.tag == "Error"
        return root

    @property
    def code(self) -> str:
        """The code of the error document."""
        return self.error.findtext("Code", "")


class _Signer(S3SigV4Auth):
    """Signs with whatever the request declares of its body."""

    def __init__(
        self, credentials: BotocoreCredentials, region: str, declared_payload: str
    ) -> None:
        super().__init__(credentials, "s3", region)
        self._declared_payload = declared_payload

    def payload(self, request: AWSRequest) -> str:
        """What `x-amz-content-sha256` says."""
        del request
        return self._declared_payload


class RawClient:
    """One connection to an endpoint.

    Args:
        endpoint: its URL.
        region: what signatures are scoped to.
        credentials: who signs.
    """

    def __init__(self, endpoint: str, region: str, credentials: Credentials) -> None:
        self._region = region
        self._credentials = credentials
        self.endpoint = endpoint
        self.netloc = urlsplit(endpoint).netloc
        self.connection = HTTPConnection(self.netloc, timeout=TIMEOUT_S)

    def __enter__(self) -> Self:
        """Connects with the first request."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes the connection."""
        self.connection.close()

    def sign(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> dict[str, str]:
        """The headers of a signed request."""
        request = AWSRequest(
            method=method,
            url=f"http://{headers.get('host', self.netloc)}{target}",
            headers={name: value for name, value in headers.items() if name != "host"},
            data=body,
        )
        credentials = BotocoreCredentials(
            self._credentials.access_key, self._credentials.secret_key
        )
        declared = headers.get("x-amz-content-sha256", hashlib.sha256(body).hexdigest())
        _Signer(credentials, self._region, declared).add_auth(request)
        return {name: str(value) for name, value in request.headers.items()}

    def send(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        is_signed: bool = True,
    ) -> None:
        """Sends the head of a request, and the body if there is one."""
        all_headers = dict(headers)
        if is_signed:
            all_headers = self.sign(method, target, headers, body)
        self.connection.putrequest(
            method, target, skip_host="host" in headers, skip_accept_encoding=True
        )
        if "host" in headers:
            all_headers["host"] = headers["host"]
        if body and not any(name.lower() == "content-length" for name in all_headers):
            all_headers["content-length"] = str(len(body))
        for name, value in all_headers.items():
            self.connection.putheader(name, value)
        self.connection.endheaders()
        if body:
            self.connection.send(body)

    def receive(self) -> RawAnswer:
        """The answer to what was sent."""
        response: HTTPResponse = self.connection.getresponse()
        body = response.read()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return RawAnswer(response.status, headers, body)

    def request(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        is_signed: bool = True,
    ) -> RawAnswer:
        """Sends a request, and returns its answer."""
        self.send(method, target, headers or {}, body, is_signed=is_signed)
        return self.receive()
