"""The admin API, under ``/_admin/v1``: users and access keys as JSON.

The application has verified the signature and that it is the root user's before anything here
runs; it hands over the whole, verified body. Errors are
``{"error": {"code": …, "message": …}}``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from rucket.model.errors import InvalidArgument, MethodNotAllowed, S3Error
from rucket.model.records import UNDECODABLE
from rucket.service import user_administration
from rucket.service.user_administration import NewAccessKey, UserRequest, UserView
from rucket.wire.error_document import message_of, status_of
from rucket.wire.operation import S3Response

if TYPE_CHECKING:
    from starlette.requests import Request

    from rucket.ports.asgi import Message, Scope
    from rucket.service.gateway import Gateway

ADMIN_BUCKET = "_admin"
"""What the first segment of the path looks like to the S3 side; no bucket can have that name."""

BODY_SIZE_BYTES_MAX = 64 * 1024
_PREFIX = "/_admin/v1"
_JSON = "application/json"

T = TypeVar("T")


class _CreateUser(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    display_name: str = ""
    email: str = ""
    canonical_id: str = ""
    access_key_id: str = ""
    secret_access_key: str = ""
    create_access_key: bool = True


class _UpdateUser(msgspec.Struct, forbid_unknown_fields=True):
    display_name: str | None = None
    email: str | None = None


class _CreateAccessKey(msgspec.Struct, forbid_unknown_fields=True):
    access_key_id: str = ""
    secret_access_key: str = ""


class AdminApi:
    """The admin API as a function from a request to a response.

    Args:
        gateway: what it works on.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._application = Starlette(
            routes=[
                Route(f"{_PREFIX}/info", self._info, methods=["GET"]),
                Route(f"{_PREFIX}/users", self._users, methods=["GET", "POST"]),
                Route(f"{_PREFIX}/users/{{name}}", self._user, methods=["GET", "PATCH", "DELETE"]),
                Route(
                    f"{_PREFIX}/users/{{name}}/access-keys",
                    self._access_keys,
                    methods=["GET", "POST"],
                ),
                Route(
                    f"{_PREFIX}/users/{{name}}/access-keys/{{access_key_id}}",
                    self._access_key,
                    methods=["DELETE"],
                ),
            ],
            exception_handlers={S3Error: _render_error, 404: _no_such_path, 405: _wrong_method},
        )

    async def answer(self, scope: Scope, body: bytes) -> S3Response:
        """Carries out one request of the root user."""
        exchange = _Exchange(body)
        await self._application(dict(scope), exchange.receive, exchange.send)
        return exchange.response

    async def _info(self, _request: Request) -> Response:
        settings = self._gateway.settings
        started_at = datetime.fromtimestamp(settings.started_at_ms / 1000, UTC)
        return _json(
            {
                "version": settings.version,
                "region": settings.region,
                "node_id": settings.node_id,
                "started_at": started_at.isoformat(timespec="milliseconds"),
            }
        )

    async def _users(self, request: Request) -> Response:
        if request.method == "POST":
            return await self._create_user(request)
        views = await user_administration.list_users(self._gateway)
        return _json({"users": [_user_object(view) for view in views]})

    async def _create_user(self, request: Request) -> Response:
        wanted = _decode(await request.body(), _CreateUser)
        access_key: NewAccessKey | None = None
        if wanted.create_access_key:
            access_key = user_administration.new_access_key(
                self._gateway, wanted.access_key_id, wanted.secret_access_key
            )
        elif wanted.access_key_id or wanted.secret_access_key:
            raise InvalidArgument("An access key is given, but create_access_key is false.")
        view = await user_administration.create_user(
            self._gateway,
            UserRequest(wanted.name, wanted.canonical_id, wanted.display_name, wanted.email),
            access_key,
        )
        return _json({**_user_object(view), **_access_key_object(access_key)}, status=201)

    async def _user(self, request: Request) -> Response:
        name = request.path_params["name"]
        if request.method == "DELETE":
            await user_administration.delete_user(self._gateway, name)
            return Response(status_code=204)
        if request.method == "PATCH":
            wanted = _decode(await request.body(), _UpdateUser)
            view = await user_administration.update_user(
                self._gateway, name, wanted.display_name, wanted.email
            )
            return _json(_user_object(view))
        return _json(_user_object(user_administration.get_user(self._gateway, name)))

    async def _access_keys(self, request: Request) -> Response:
        name = request.path_params["name"]
        if request.method == "POST":
            wanted = _decode(await request.body() or b"{}", _CreateAccessKey)
            access_key = user_administration.new_access_key(
                self._gateway, wanted.access_key_id, wanted.secret_access_key
            )
            await user_administration.create_access_key(self._gateway, name, access_key)
            return _json(_access_key_object(access_key), status=201)
        view = user_administration.get_user(self._gateway, name)
        return _json({"access_keys": _user_object(view)["access_keys"]})

    async def _access_key(self, request: Request) -> Response:
        await user_administration.delete_access_key(
            self._gateway, request.path_params["name"], request.path_params["access_key_id"]
        )
        return Response(status_code=204)


def error_response(error: S3Error) -> S3Response:
    """How the admin API says that something is wrong."""
    return S3Response(
        status=status_of(error), headers=[("content-type", _JSON)], body=_error_body(error)
    )


class _Exchange:
    """One request and its response, over ASGI within the process."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.response = S3Response(status=500)

    async def receive(self) -> Message:
        body, self._body = self._body, b""
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.response.status = message["status"]
            self.response.headers = [
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in message["headers"]
            ]
        else:
            assert isinstance(self.response.body, bytes)
            self.response.body += message.get("body", b"")


def _decode(body: bytes, record_type: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=record_type)
    except UNDECODABLE as error:
        raise InvalidArgument(f"The body isn't as expected: {error}") from error


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status_code=status, media_type=_JSON)


def _user_object(view: UserView) -> dict[str, object]:
    return {
        "name": view.name,
        "canonical_id": view.canonical_id,
        "display_name": view.display_name,
        "email": view.email,
        "source": "config" if view.is_configured else "api",
        "access_keys": [{"access_key_id": key} for key in view.access_key_ids],
    }


def _access_key_object(access_key: NewAccessKey | None) -> dict[str, str]:
    if access_key is None:
        return {}
    return {
        "access_key_id": access_key.access_key_id,
        "secret_access_key": access_key.secret_access_key,
    }


def _error_body(error: S3Error) -> bytes:
    return msgspec.json.encode({"error": {"code": error.code, "message": message_of(error)}})


async def _render_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, S3Error)
    return Response(_error_body(error), status_code=status_of(error), media_type=_JSON)


async def _no_such_path(_request: Request, _error: Exception) -> Response:
    body = {"error": {"code": "NoSuchPath", "message": "There is nothing at this path."}}
    return _json(body, status=404)


async def _wrong_method(request: Request, _error: Exception) -> Response:
    return await _render_error(request, MethodNotAllowed())
