"""Asks a node whether it lives and whether it can commit. No credentials."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    import ssl

_LIVE = "/minio/health/live"
_READY = "/minio/health/ready"


class Health(StrEnum):
    """What a node answers."""

    READY = "ready"
    NOT_READY = "not ready"
    UNREACHABLE = "unreachable"


@cache
def _trusted() -> ssl.SSLContext:
    """Reading all certificates again for every probe would take longer than the probe."""
    return httpx.create_ssl_context(trust_env=False)


def probe(endpoint: str, *, timeout_s: float) -> Health:
    """Ask `endpoint` once."""
    try:
        response = httpx.get(
            endpoint + _READY, timeout=timeout_s, trust_env=False, verify=_trusted()
        )
    except httpx.HTTPError:
        return Health.UNREACHABLE
    return Health.READY if response.status_code == httpx.codes.OK else Health.NOT_READY


def is_live(endpoint: str, *, timeout_s: float) -> bool:
    """Tell whether the process behind `endpoint` serves requests at all."""
    try:
        response = httpx.get(
            endpoint + _LIVE, timeout=timeout_s, trust_env=False, verify=_trusted()
        )
    except httpx.HTTPError:
        return False
    return response.status_code == httpx.codes.OK
