"""The ``[events]`` table of the configuration."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    SerializationInfo,
    field_serializer,
    model_validator,
)

from rucket.daemon.settings_section import Section, revealed_or_stars


def _url(secret: SecretStr) -> SecretStr:
    url = secret.get_secret_value()
    if not url:
        return secret
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise ValueError("it isn't a URL") from error
    if not is_good or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("a URL begins with http:// or https:// and a host")
    if parts.username is not None:
        raise ValueError("a URL with a user name or password isn't taken; set events.secret")
    return secret


class EventSettings(Section):
    """``[events]``; obeyed by the maintenance process, backlog_bytes_max by the node process.

    Attributes:
        sink: who is told what happens to buckets and objects: nobody, or a webhook.
        url: where a webhook's messages are posted. It may hold a token, so it is kept secret.
        secret: messages are signed with it, if there is one.
        timeout_s: how long an answer may take.
        records_per_message_max: how many events one message tells.
        poll_interval_ms: how long a commit may go unnoticed.
        backlog_bytes_max: how much of the log is kept for a sink that is away. One that is further
            behind misses events.
    """

    sink: Literal["none", "webhook"] = "none"
    url: Annotated[SecretStr, AfterValidator(_url)] = SecretStr("")
    secret: SecretStr = SecretStr("")
    timeout_s: float = Field(default=10.0, gt=0, le=300)
    records_per_message_max: int = Field(default=100, ge=1, le=10_000)
    poll_interval_ms: int = Field(default=200, ge=10, le=60_000)
    backlog_bytes_max: int = Field(default=1024**3, ge=1024**2, le=1 << 50)

    @field_serializer("url", "secret", when_used="json")
    def _reveal(self, secret: SecretStr, info: SerializationInfo) -> str:
        return revealed_or_stars(secret, info)

    @model_validator(mode="after")
    def _check_sink(self) -> EventSettings:
        if self.sink == "webhook" and not self.url.get_secret_value():
            raise ValueError("events.sink = webhook needs events.url")
        return self
