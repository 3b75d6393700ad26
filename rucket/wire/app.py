"""The HTTP application of a gateway, as plain ASGI.

::

    shed ── health? ── resolve target ── admin? ── authenticate ── route ── refuse ── operation
      │                     └──────────────── S3Error ────────────────┴────────┴──────────┤
    SlowDown                                                                    response, or error

Nothing costs much before a request is shed or its signature verified, and nothing of a body is read
before an operation has authorised it. Awaits nothing but the ports, so that the same code runs in
the simulator. Knows no storage.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING
from urllib.parse import unquote

from rucket.model.errors import (
    AccessDenied,
    CommitUnknownError,
    DeviceUnavailableError,
    InternalError,
    OperatingError,
    OverloadedError,
    S3Error,
    ServiceUnavailable,
    SlowDown,
    StorageFullError,
)
from rucket.ports.asgi import ClientGoneError
from rucket.state.rows import find_bucket
from rucket.wire import admin
from rucket.wire.authentication import authenticate
from rucket.wire.body import NO_BODY, RequestBody, read_promises, read_small
from rucket.wire.error_document import render, status_of
from rucket.wire.exchange import Exchange, close_pieces
from rucket.wire.operation import S3Request, S3Response
from rucket.wire.request_observer import QuietObserver, RequestObserver, RequestReport
from rucket.wire.request_target import RequestTarget, parse_query, resolve_target
from rucket.wire.routing import find_route, is_preflight
from rucket.wire.sigv4.canonical_request import SignedRequest
from rucket.wire.unsupported_headers import refuse_unsupported_headers

if TYPE_CHECKING:
    from rucket.ports.asgi import Application, Receive, Scope, Send
    from rucket.service.gateway import Gateway
    from rucket.wire.operation import Body
    from rucket.wire.sigv4.signature import SigningContext

HEALTH_PREFIX = b"/minio/health/"
_HEALTH_BUCKET = "minio"
_LIVE_KEY = "health/live"
_READY_KEY = "health/ready"
_READY_TIMEOUT_S = 5.0
_DISCARDED_WHEN_SHEDDING_BYTES_MAX = 1024 * 1024
_RETRY_AFTER_S = "1"
_RETRY_AFTER_STATUS = 503
_UNAVAILABLE_MESSAGES: dict[type[OperatingError], str] = {
    StorageFullError: "There is no room left to store this. Reading still works.",
    DeviceUnavailableError: "A storage device isn't available now. Please try again later.",
    CommitUnknownError: "It isn't known yet whether this was carried out. Look, or try again.",
}
_ADMIN_OPERATION = "Admin"
_METHODS_WITHOUT_BODY = frozenset({"GET", "HEAD", "DELETE"})


def make_app(
    gateway: Gateway,
    observer: RequestObserver | None = None,
) -> Application:
    """The application.

    Args:
        gateway: what requests are carried out with.
        observer: hears of every request.
    """
    return _S3Application(gateway, observer or QuietObserver())


class _S3Application:
    def __init__(self, gateway: Gateway, observer: RequestObserver) -> None:
        self._gateway = gateway
        self._observer = observer
        self._admin = admin.AdminApi(gateway)
        self._host_id = base64.b64encode(gateway.settings.node_id.encode()).decode()
        self._in_flight_count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started_s = self._gateway.clock.monotonic_s()
        exchange = Exchange(self._gateway, scope, receive, send)
        try:
            await self._respond(exchange, await self._answer(exchange))
        finally:
            self._in_flight_count -= exchange.is_admitted
            self._observer.finished(
                RequestReport(
                    request_id=exchange.request_id,
                    remote=exchange.remote,
                    access_key_id=exchange.access_key_id,
                    operation=exchange.operation,
                    method=exchange.method,
                    target=exchange.target,
                    status=exchange.status,
                    error_code=exchange.error_code,
                    request_bytes=exchange.incoming.received_bytes,
                    response_bytes=exchange.response_bytes,
                    duration_s=self._gateway.clock.monotonic_s() - started_s,
                )
            )

    async def _answer(self, exchange: Exchange) -> S3Response:
        """The response, whatever happens."""
        try:
            return await self._dispatch(exchange)
        except S3Error as error:
            return self._error_response(exchange, error)
        except OverloadedError:
            return self._error_response(exchange, SlowDown())
        except (StorageFullError, DeviceUnavailableError, CommitUnknownError) as error:
            message = _UNAVAILABLE_MESSAGES[type(error)]
            return self._error_response(exchange, ServiceUnavailable(message))
        except Exception as error:  # noqa: BLE001 - outermost: the client gets an answer
            self._observer.crashed(exchange.request_id, exchange.operation, error)
            return self._error_response(exchange, InternalError())

    async def _respond(self, exchange: Exchange, response: S3Response) -> None:
        try:
            if exchange.method == "HEAD" and not isinstance(response.body, bytes):
                await close_pieces(response.body)
                response.body = b""
            await exchange.respond(response, self._host_id)
        except ClientGoneError:
            exchange.error_code = "ClientDisconnected"
        except Exception as error:  # noqa: BLE001 - outermost: the connection breaks off
            exchange.error_code = InternalError.code
            self._observer.crashed(exchange.request_id, exchange.operation, error)

    async def _dispatch(self, exchange: Exchange) -> S3Response:
        is_health = exchange.raw_path.startswith(HEALTH_PREFIX)
        if not is_health:
            self._admit(exchange)
        host = exchange.headers.get("host", "")
        target = resolve_target(host, exchange.raw_path, self._gateway.settings.domains)
        if is_health and target.bucket == _HEALTH_BUCKET and not target.is_virtual_host:
            return await self._health(exchange, target.key or "")
        if target.bucket == admin.ADMIN_BUCKET and not target.is_virtual_host:
            return await self._administer(exchange)
        return await self._operate(exchange, target)

    def _admit(self, exchange: Exchange) -> None:
        """Raises SlowDown if there are too many requests in flight, or connections."""
        is_one_too_many = self._in_flight_count >= self._gateway.settings.requests_in_flight_max
        if is_one_too_many or exchange.closes_connection:
            exchange.operation = "Shed"
            exchange.discarded_bytes_max = _DISCARDED_WHEN_SHEDDING_BYTES_MAX
            raise SlowDown
        # Those that are turned away don't count: their bodies take a while to come in, too.
        self._in_flight_count += 1
        exchange.is_admitted = True

    async def _operate(self, exchange: Exchange, target: RequestTarget) -> S3Response:
        """An S3 operation."""
        gateway, headers = self._gateway, exchange.headers
        query = parse_query(exchange.raw_query)
        signed = SignedRequest(exchange.method, exchange.raw_path, exchange.raw_query, headers)
        if is_preflight(exchange.method):
            # Browsers don't sign the question, even if the URL is a presigned one.
            signed = SignedRequest(exchange.method, exchange.raw_path, b"", {})
        authenticated = authenticate(gateway, signed)
        exchange.access_key_id = authenticated.access_key_id
        route = find_route(exchange.method, target, query, headers)
        exchange.operation = route.name
        refuse_unsupported_headers(exchange.method, route.name, headers)
        self._check_expected_owner(exchange, target)
        request = S3Request(
            method=exchange.method,
            bucket=target.bucket,
            key=target.key,
            query=query,
            headers=headers,
            requester=authenticated.requester,
            body=self._body(
                exchange,
                authenticated.context,
                checksum_covers_body=route.checksum_covers_body,
            ),
            raw_path=exchange.raw_path.decode("latin-1"),
            scheme=exchange.scheme,
            host=headers.get("host", ""),
            request_id=exchange.request_id,
        )
        return await route.run(request, gateway)

    def _body(
        self, exchange: Exchange, context: SigningContext | None, *, checksum_covers_body: bool
    ) -> Body:
        if exchange.incoming.has_ended and exchange.method in _METHODS_WITHOUT_BODY:
            return NO_BODY
        promises = read_promises(
            exchange.headers, context, checksum_covers_body=checksum_covers_body
        )
        return RequestBody(
            exchange.incoming,
            exchange.headers,
            context,
            promises,
            self._gateway.settings,
            self._gateway.tasks,
        )

    def _check_expected_owner(self, exchange: Exchange, target: RequestTarget) -> None:
        """Raises AccessDenied if the bucket isn't whose the client thinks it is."""
        expected = exchange.headers.get("x-amz-expected-bucket-owner")
        if expected is None or target.bucket is None:
            return
        with self._gateway.index.snapshot() as snapshot:
            bucket = find_bucket(snapshot, target.bucket)
        if bucket is not None and bucket.owner_id != expected:
            raise AccessDenied

    async def _health(self, exchange: Exchange, key: str) -> S3Response:
        exchange.operation = "Health"
        if exchange.method not in ("GET", "HEAD") or key not in (_LIVE_KEY, _READY_KEY):
            return S3Response(status=404)
        if key == _READY_KEY and not await self._is_ready():
            return S3Response(status=_RETRY_AFTER_STATUS)
        return S3Response()

    async def _is_ready(self) -> bool:
        try:
            return await self._gateway.tasks.within(_READY_TIMEOUT_S, self._gateway.commits.ready())
        except TimeoutError:
            return False

    async def _administer(self, exchange: Exchange) -> S3Response:
        """The admin API: root only, and its own form of errors."""
        exchange.operation = _ADMIN_OPERATION
        headers = exchange.headers
        signed = SignedRequest(exchange.method, exchange.raw_path, exchange.raw_query, headers)
        authenticated = authenticate(self._gateway, signed)
        exchange.access_key_id = authenticated.access_key_id
        if not authenticated.requester.is_root:
            raise AccessDenied("The admin API is for the root user.")
        body = self._body(exchange, authenticated.context, checksum_covers_body=True)
        document = await read_small(body, admin.BODY_SIZE_BYTES_MAX)
        return await self._admin.answer(exchange.scope, document)

    def _error_response(self, exchange: Exchange, error: S3Error) -> S3Response:
        exchange.error_code = error.code
        if exchange.operation == _ADMIN_OPERATION:
            return admin.error_response(error)
        status = status_of(error)
        headers = [("content-type", "application/xml")]
        if status == _RETRY_AFTER_STATUS:
            headers.append(("retry-after", _RETRY_AFTER_S))
        if exchange.method == "HEAD":
            return S3Response(status=status, headers=headers)
        resource = unquote(exchange.raw_path.decode("latin-1"), errors="replace")
        document = render(error, resource, exchange.request_id, self._host_id)
        return S3Response(status=status, headers=headers, body=document)
