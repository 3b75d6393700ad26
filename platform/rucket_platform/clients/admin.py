"""The admin API of a region: JSON over the S3 port, signed with root credentials."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from rucket_platform.errors import AdminApiError, ServerUnreachable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rucket_platform.clients.connection import Connection

_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """Who answers."""

    version: str
    region: str
    node_id: str
    started_at: str


@dataclass(frozen=True, slots=True)
class UserRecord:
    """A user as the server knows it."""

    name: str
    canonical_id: str
    display_name: str
    email: str | None
    source: str
    access_key_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccessKeyPair:
    """An access key id with its secret."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


class AdminClient:
    """Talks to one region's admin API.

    Every method raises `AdminApiError` where the server refuses and `ServerUnreachable` where
    nothing answers.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def info(self) -> ServerInfo:
        """Ask who answers."""
        body = self._request("GET", "/info")
        return ServerInfo(
            version=str(body["version"]),
            region=str(body["region"]),
            node_id=str(body["node_id"]),
            started_at=str(body["started_at"]),
        )

    def find_user(self, name: str) -> UserRecord | None:
        """Look a user up; None if there is none of that name."""
        try:
            return _user(self._request("GET", f"/users/{quote(name, safe='')}"))
        except AdminApiError as error:
            if error.status == httpx.codes.NOT_FOUND:
                return None
            raise

    def create_user(self, name: str, *, display_name: str | None, email: str | None) -> UserRecord:
        """Create a user without an access key."""
        body: dict[str, object] = {"name": name, "create_access_key": False}
        body |= _given(display_name=display_name, email=email)
        return _user(self._request("POST", "/users", body))

    def update_user(self, name: str, *, display_name: str | None, email: str | None) -> UserRecord:
        """Change a user's details; None leaves one as it is."""
        body = _given(display_name=display_name, email=email)
        return _user(self._request("PATCH", f"/users/{quote(name, safe='')}", body))

    def delete_user(self, name: str) -> None:
        """Delete a user and its access keys; one that is gone already is fine."""
        try:
            self._request("DELETE", f"/users/{quote(name, safe='')}")
        except AdminApiError as error:
            if error.status != httpx.codes.NOT_FOUND:
                raise

    def create_access_key(self, user: str, key: AccessKeyPair) -> None:
        """Give a user an access key of the caller's choice."""
        body = {
            "access_key_id": key.access_key_id,
            "secret_access_key": key.secret_access_key,
        }
        self._request("POST", f"/users/{quote(user, safe='')}/access-keys", body)

    def delete_access_key(self, user: str, access_key_id: str) -> None:
        """Delete an access key; one that is gone already is fine."""
        path = f"/users/{quote(user, safe='')}/access-keys/{quote(access_key_id, safe='')}"
        try:
            self._request("DELETE", path)
        except AdminApiError as error:
            if error.status != httpx.codes.NOT_FOUND:
                raise

    def _request(
        self, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> dict[str, Any]:
        url = f"{self._connection.endpoint}/_admin/v1{path}"
        content = b"" if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        request = AWSRequest(method=method, url=url, data=content, headers=headers)
        credentials = Credentials(
            self._connection.access_key_id, self._connection.secret_access_key
        )
        S3SigV4Auth(credentials, "s3", self._connection.s3_region).add_auth(request)
        try:
            response = httpx.request(
                method,
                url,
                content=content,
                headers=dict(request.headers.items()),
                timeout=_TIMEOUT_S,
                trust_env=False,
            )
        except httpx.HTTPError as error:
            raise ServerUnreachable(
                f"the region at {self._connection.endpoint} does not answer: {error}"
            ) from error
        if response.is_success:
            return dict(response.json()) if response.content else {}
        raise _refusal(response)


def _given(**values: str | None) -> dict[str, object]:
    return {key: value for key, value in values.items() if value is not None}


def _user(body: Mapping[str, Any]) -> UserRecord:
    return UserRecord(
        name=str(body["name"]),
        canonical_id=str(body["canonical_id"]),
        display_name=str(body.get("display_name") or ""),
        email=body.get("email"),
        source=str(body.get("source", "api")),
        access_key_ids=tuple(str(key["access_key_id"]) for key in body.get("access_keys", [])),
    )


def _refusal(response: httpx.Response) -> AdminApiError:
    try:
        error = response.json()["error"]
        return AdminApiError(response.status_code, str(error["code"]), str(error["message"]))
    except (ValueError, KeyError, TypeError):
        return AdminApiError(response.status_code, "UnexpectedAnswer", response.text[:200])
