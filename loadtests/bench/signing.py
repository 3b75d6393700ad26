"""Signature Version 4 in the Authorization header, for requests made before the clock runs.

Pure. Source: Amazon S3 API reference, "Signature Calculations for the Authorization Header".
Signed as today's SDKs do over plain HTTP: with the body's SHA-256, so the store must check it.
"""

import hashlib
import hmac
from datetime import datetime
from urllib.parse import quote

from loadtests.bench.endpoints import Endpoint

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


class Signer:
    """Signs requests to one endpoint at one time, which stores accept for some minutes."""

    def __init__(self, endpoint: Endpoint, now: datetime) -> None:
        self._endpoint = endpoint
        self._time = now.strftime("%Y%m%dT%H%M%SZ")
        self._scope = f"{self._time[:8]}/{endpoint.region}/s3/aws4_request"
        key = f"AWS4{endpoint.secret_key}".encode()
        for part in self._scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        self._key = key

    def head(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        body_sha256: str = EMPTY_SHA256,
        body_size: int | None = None,
    ) -> bytes:
        """Return the request's head, signed. `path` is unquoted, header names in lower case."""
        target, signed = self.signed(
            method, path, query=query, headers=headers, body_sha256=body_sha256
        )
        length = "" if body_size is None else f"content-length: {body_size}\r\n"
        sent = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
        return f"{method} {target} HTTP/1.1\r\n{sent}{length}\r\n".encode()

    def signed(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        body_sha256: str = EMPTY_SHA256,
    ) -> tuple[str, dict[str, str]]:
        """Return the request's target and its headers, signed."""
        quoted_path = quote(path)
        quoted_query = canonical_query(query or {})
        signed = {
            "host": self._endpoint.authority,
            "x-amz-content-sha256": body_sha256,
            "x-amz-date": self._time,
            **(headers or {}),
        }
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        canonical = f"{method}\n{quoted_path}\n{quoted_query}\n{lines}\n{names}\n{body_sha256}"
        signature = self._sign(canonical)
        signed["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self._endpoint.access_key}/{self._scope}, "
            f"SignedHeaders={names}, Signature={signature}"
        )
        return (f"{quoted_path}?{quoted_query}" if quoted_query else quoted_path), signed

    def presigned_target(self, method: str, path: str, expires_s: int = 3600) -> str:
        """Return the request target of a presigned URL. `path` is unquoted."""
        query = canonical_query(
            {
                "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
                "X-Amz-Credential": f"{self._endpoint.access_key}/{self._scope}",
                "X-Amz-Date": self._time,
                "X-Amz-Expires": str(expires_s),
                "X-Amz-SignedHeaders": "host",
            }
        )
        quoted_path = quote(path)
        host = f"host:{self._endpoint.authority}\n"
        canonical = f"{method}\n{quoted_path}\n{query}\n{host}\nhost\nUNSIGNED-PAYLOAD"
        return f"{quoted_path}?{query}&X-Amz-Signature={self._sign(canonical)}"

    def _sign(self, canonical: str) -> str:
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        to_sign = f"AWS4-HMAC-SHA256\n{self._time}\n{self._scope}\n{digest}"
        return hmac.digest(self._key, to_sign.encode(), "sha256").hex()


def canonical_query(query: dict[str, str]) -> str:
    """The query, quoted and sorted as it is signed and sent."""
    pairs = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in query.items())
    return "&".join(f"{name}={value}" for name, value in pairs)
