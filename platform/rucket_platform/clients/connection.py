"""Where a region answers and as whom to talk to it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Connection:
    """An endpoint with root credentials."""

    endpoint: str
    s3_region: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
