"""The key a signature is made with: four HMACs over date, region and service, and one to sign.

A key serves one secret for one day, so that the derivation is remembered in a bounded LRU. The
secret is part of the cache's key: a replaced secret can never be answered with an old key, and
what is no longer asked for is pushed out. Source: S3 API Reference, "Authenticating Requests".
"""

from __future__ import annotations

import hmac
from functools import lru_cache

_REMEMBERED_KEYS_MAX = 1024


@lru_cache(maxsize=_REMEMBERED_KEYS_MAX)
def signing_key(secret_access_key: str, day: str, region: str, service: str) -> bytes:
    """Derive the 32-byte signing key.

    Args:
        secret_access_key: the secret.
        day: ``YYYYMMDD`` of the credential scope.
        region: of the credential scope; may be empty.
        service: ``s3``.
    """
    key = f"AWS4{secret_access_key}".encode()
    for step in (day, region, service, "aws4_request"):
        key = hmac.digest(key, step.encode(), "sha256")
    return key


def sign(key: bytes, text: str) -> str:
    """The signature of a string to sign: 64 lower-case hexadecimal digits."""
    return hmac.digest(key, text.encode("latin-1", "replace"), "sha256").hex()
