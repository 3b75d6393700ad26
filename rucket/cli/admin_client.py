"""How commands talk to the admin API of a running server: JSON over HTTP, signed.

Who signs is looked for in this order, and a secret is never taken from the command line, where
others see it: the environment (RUCKET_ACCESS_KEY and RUCKET_SECRET_KEY, else AWS_ACCESS_KEY_ID and
AWS_SECRET_ACCESS_KEY), the server's settings file, and for a server on this machine the documented
default.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, quote, urlsplit

import httpx

from rucket.daemon.settings import DEFAULT_ACCESS_KEY_ID, DEFAULT_SECRET_ACCESS_KEY
from rucket.daemon.settings_sources import load_settings
from rucket.model.errors import ConfigurationError, OperatingError
from rucket.wire.sigv4.canonical_request import SignedRequest
from rucket.wire.sigv4.signer import SigningCredentials, sign_headers

if TYPE_CHECKING:
    from pathlib import Path

    from rucket.ports.clock import Clock

DEFAULT_ENDPOINT: Final = "http://127.0.0.1:9000"
TIMEOUT_S: Final = 30.0

_PREFIX: Final = "/_admin/v1"
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_ENVIRONMENT: Final = (
    ("RUCKET_ACCESS_KEY", "RUCKET_SECRET_KEY"),
    ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
)


def open_admin_client(endpoint: str | None, config: Path | None, clock: Clock) -> AdminClient:
    """A client for the server at `endpoint`, or the one that the settings file `config` is for.

    Raises:
        ConfigurationError: the endpoint is no URL, or nobody says who signs.
    """
    file_credentials = None
    if config is not None:
        settings = load_settings(config, {})
        endpoint = settings.server.endpoint if endpoint is None else endpoint
        file_credentials = SigningCredentials(
            settings.auth.access_key, settings.auth.secret_key.get_secret_value()
        )
    url = _parse_endpoint(DEFAULT_ENDPOINT if endpoint is None else endpoint)
    credentials = file_credentials or _environment_credentials() or _default_credentials(url)
    return AdminClient(url, credentials, clock)


class AdminClient:
    """The admin API of one server.

    Args:
        endpoint: of the server.
        credentials: of its root user.
        clock: signatures carry the moment.
    """

    def __init__(
        self, endpoint: SplitResult, credentials: SigningCredentials, clock: Clock
    ) -> None:
        self._endpoint = endpoint
        self._credentials = credentials
        self._clock = clock

    def request(self, method: str, *path: str, body: dict[str, Any] | None = None) -> Any:
        """Sends a request.

        Args:
            method: of HTTP.
            path: the segments below the prefix, as they are called.
            body: sent as JSON.

        Returns:
            The answer's JSON; None where there is none.

        Raises:
            OperatingError: the server doesn't answer, or refuses.
        """
        raw_path = "/".join((_PREFIX, *(quote(segment, safe="") for segment in path))).encode()
        content = b"" if body is None else json.dumps(body).encode()
        host = self._endpoint.netloc.rpartition("@")[2]
        headers = {"host": host}
        if content:
            headers["content-type"] = "application/json"
        headers |= sign_headers(
            SignedRequest(method, raw_path, b"", headers),
            self._credentials,
            self._clock.wall_ms(),
            hashlib.sha256(content).hexdigest(),
        )
        url = httpx.URL(f"{self._endpoint.scheme}://{host}").copy_with(raw_path=raw_path)
        try:
            # On this machine a proxy of the environment would only be in the way.
            with httpx.Client(trust_env=not _is_local(self._endpoint), timeout=TIMEOUT_S) as client:
                answer = client.request(method, url, headers=headers, content=content)
        except httpx.HTTPError as error:
            raise OperatingError(
                f"no answer from {url.copy_with(raw_path=b'/')}: {error}; "
                "is the server running there (rucket serve)? Choose another one with -e"
            ) from error
        return _read(answer)


def _read(answer: httpx.Response) -> Any:
    try:
        content = answer.json() if answer.content else None
    except ValueError:
        content = None
    if answer.is_success:
        return content
    match content:
        case {"error": {"code": str(code), "message": str(message)}}:
            pass
        case _:
            code, message = f"HTTP {answer.status_code}", answer.reason_phrase
    hint = ""
    if answer.status_code == httpx.codes.FORBIDDEN:
        hint = "; users are managed with the root user's key: RUCKET_ACCESS_KEY, RUCKET_SECRET_KEY"
    raise OperatingError(f"refused: {message} ({code}){hint}")


def _parse_endpoint(text: str) -> SplitResult:
    url = urlsplit(text)
    if url.scheme not in _DEFAULT_PORTS or not url.hostname or url.path not in {"", "/"}:
        raise ConfigurationError(f"{text!r} is no endpoint; write one such as {DEFAULT_ENDPOINT}")
    return url


def _environment_credentials() -> SigningCredentials | None:
    for access_key_variable, secret_variable in _ENVIRONMENT:
        access_key_id = os.environ.get(access_key_variable)
        secret = os.environ.get(secret_variable)
        if access_key_id and secret:
            return SigningCredentials(access_key_id, secret)
        if access_key_id or secret:
            missing = secret_variable if access_key_id else access_key_variable
            raise ConfigurationError(f"{missing} is not set, but its counterpart is")
    return None


def _default_credentials(endpoint: SplitResult) -> SigningCredentials:
    if not _is_local(endpoint):
        raise ConfigurationError(
            "who are you? Set RUCKET_ACCESS_KEY and RUCKET_SECRET_KEY to those of the root user, "
            "or name the server's settings file with --config"
        )
    return SigningCredentials(DEFAULT_ACCESS_KEY_ID, DEFAULT_SECRET_ACCESS_KEY)


def _is_local(endpoint: SplitResult) -> bool:
    host = endpoint.hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
