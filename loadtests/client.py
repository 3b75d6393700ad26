"""S3 requests from greenlets: one connection a user, signed here, as cheap as Python lets us.

Only what the users of this kit need. Source: Amazon S3 API reference; RFC 9112 by geventhttpclient.
"""

from __future__ import annotations

import hashlib
import re
import socket
import time
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from geventhttpclient import HTTPClient
from geventhttpclient.response import HTTPConnectionClosed

from loadtests.bench.endpoints import Endpoint
from loadtests.bench.signing import EMPTY_SHA256, Signer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rucket_platform.clients.connection import Connection

_TIMEOUT_S = 60.0
_SIGNATURE_LIFE_S = 120.0
_ERROR_BODY_BYTES_MAX = 4096
_CODE = re.compile(rb"<Code>([^<]{1,100})</Code>")
_KEY = re.compile(rb"<Key>([^<]*)</Key>")
_TOKEN = re.compile(rb"<NextContinuationToken>([^<]*)</NextContinuationToken>")
_UPLOAD_ID = re.compile(rb"<UploadId>([^<]*)</UploadId>")
_NO_ANSWER = (OSError, socket.timeout, HTTPConnectionClosed)


class S3Error(Exception):
    """The store refused, or did not answer.

    Attributes:
        code: S3's, or the name of what happened on the way.
    """

    def __init__(self, code: str, status: int = 0) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


class S3Client:
    """One bucket, as one user sees it."""

    def __init__(self, connection: Connection, bucket: str) -> None:
        url = urlsplit(connection.endpoint)
        is_secure = url.scheme == "https"
        self._host = url.hostname or ""
        self._port = url.port or (443 if is_secure else 80)
        self._endpoint = Endpoint(
            name="target",
            host=self._host,
            port=self._port,
            access_key=connection.access_key_id,
            secret_key=connection.secret_access_key,
            region=connection.s3_region,
        )
        self._bucket = bucket
        self._http = HTTPClient(
            self._host,
            self._port,
            ssl=is_secure,
            concurrency=1,
            connection_timeout=_TIMEOUT_S,
            network_timeout=_TIMEOUT_S,
        )
        self._signer: Signer | None = None
        self._signed_s = 0.0

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()

    def create_bucket(self) -> None:
        """Make the bucket; one that is there already, and ours, is fine."""
        try:
            self._send("PUT", f"/{self._bucket}")
        except S3Error as error:
            if error.code != "BucketAlreadyOwnedByYou":
                raise

    def delete_bucket(self) -> None:
        """Remove the bucket, which is empty."""
        self._send("DELETE", f"/{self._bucket}")

    def put(self, key: str, body: bytes) -> str:
        """Write an object; returns its version id, empty where versions aren't kept."""
        headers, _ = self._send("PUT", self._path(key), body=body)
        return headers.get("x-amz-version-id") or ""

    def get(self, key: str, version_id: str = "") -> bytes:
        """Read an object, or one version of it."""
        query = {"versionId": version_id} if version_id else {}
        return self._send("GET", self._path(key), query=query)[1]

    def get_range(self, key: str, first: int, last: int) -> bytes:
        """Read the bytes from `first` to `last`, both included."""
        headers = {"range": f"bytes={first}-{last}"}
        return self._send("GET", self._path(key), headers=headers)[1]

    def head(self, key: str) -> None:
        """Ask for an object's headers."""
        self._send("HEAD", self._path(key))

    def delete(self, key: str, version_id: str = "") -> None:
        """Remove an object, or one version of it."""
        query = {"versionId": version_id} if version_id else {}
        self._send("DELETE", self._path(key), query=query)

    def list_page(
        self, prefix: str, *, delimiter: str = "", token: str = "", count_max: int = 1000
    ) -> tuple[list[str], str]:
        """One page of keys, and the token of the next one, empty at the end."""
        query = {"list-type": "2", "prefix": prefix, "max-keys": str(count_max)}
        query |= {"delimiter": delimiter} if delimiter else {}
        query |= {"continuation-token": token} if token else {}
        _, body = self._send("GET", f"/{self._bucket}", query=query)
        found = _TOKEN.search(body)
        keys = [key.decode() for key in _KEY.findall(body)]
        return keys, found[1].decode() if found else ""

    def keep_versions(self) -> None:
        """Turn versioning on."""
        body = (
            b'<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            b"<Status>Enabled</Status></VersioningConfiguration>"
        )
        self._send("PUT", f"/{self._bucket}", query={"versioning": ""}, body=body)

    def create_upload(self, key: str) -> str:
        """Begin a multipart upload; returns its id."""
        _, body = self._send("POST", self._path(key), query={"uploads": ""})
        found = _UPLOAD_ID.search(body)
        if found is None:
            raise S3Error("NoUploadId")
        return found[1].decode()

    def upload_part(self, key: str, upload_id: str, number: int, body: bytes) -> str:
        """Send a part; returns its entity tag."""
        query = {"partNumber": str(number), "uploadId": upload_id}
        headers, _ = self._send("PUT", self._path(key), query=query, body=body)
        return headers.get("etag") or ""

    def complete_upload(self, key: str, upload_id: str, etags: Iterable[str]) -> None:
        """Make an object of the parts."""
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
            for number, etag in enumerate(etags, 1)
        )
        body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        _, answer = self._send("POST", self._path(key), query={"uploadId": upload_id}, body=body)
        # S3 may find out after it has said 200.
        if (code := _CODE.search(answer)) is not None:
            raise S3Error(code[1].decode())

    def _path(self, key: str) -> str:
        return f"/{self._bucket}/{key}"

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
    ) -> tuple[Mapping[str, str], bytes]:
        sha256 = hashlib.sha256(body).hexdigest() if body else EMPTY_SHA256
        target, signed = self._current_signer().signed(
            method, path, query=query, headers=headers, body_sha256=sha256
        )
        try:
            answer = self._http.request(method, target, body=body, headers=signed)
            content = b"" if method == "HEAD" else bytes(answer.read())
        except _NO_ANSWER as error:
            self._http.close()
            raise S3Error(type(error).__name__) from error
        status = int(answer.status_code)
        if status >= HTTPStatus.MULTIPLE_CHOICES:
            code = _CODE.search(content[:_ERROR_BODY_BYTES_MAX])
            raise S3Error(code[1].decode() if code else f"HTTP {status}", status)
        return {name.lower(): value for name, value in answer.items()}, content

    def _current_signer(self) -> Signer:
        now_s = time.monotonic()
        if self._signer is None or now_s - self._signed_s > _SIGNATURE_LIFE_S:
            self._signer = Signer(self._endpoint, datetime.now(UTC))
            self._signed_s = now_s
        return self._signer
