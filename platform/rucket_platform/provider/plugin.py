"""Serves the provider to the engine over gRPC.

The SDK's servicer answers errors with a stack trace; a person who mistyped a port needs the
sentence only. And a plugin whose engine was killed must not live on: it ends with its parent.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import grpc  # type: ignore[import-untyped]
import grpc.aio  # type: ignore[import-untyped]
from pulumi.provider.experimental.server import ProviderServicer
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import provider_pb2_grpc

from rucket_platform.errors import PlatformError
from rucket_platform.provider.schema import VERSION

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pulumi.provider.experimental.provider import Provider

_PARENT_CHECK_PERIOD_S = 0.5
_FALLIBLE = ("Configure", "Check", "Diff", "Create", "Read", "Update", "Delete")


class PlainErrorServicer(ProviderServicer):
    """The SDK's servicer, but an error that we raise reaches the person as its text alone."""

    def __getattribute__(self, name: str) -> Any:
        """Wrap the methods that do our work."""
        method = super().__getattribute__(name)
        return _with_plain_errors(method) if name in _FALLIBLE else method


def _with_plain_errors(
    method: Callable[[Any, Any], Awaitable[Any]],
) -> Callable[[Any, Any], Awaitable[Any]]:
    async def answer(request: Any, context: Any) -> Any:
        try:
            return await method(request, context)
        except Exception as error:
            # The SDK wraps ours: "text:\nstack", ours as its context.
            cause = error.__context__
            if isinstance(cause, PlatformError):
                await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(cause))
            raise

    return answer


def serve(provider: Provider, arguments: list[str]) -> None:
    """Serve until the engine ends us.

    Args:
        provider: What to serve.
        arguments: As the engine passes them; the first is its own address.
    """
    _end_with_parent()
    asyncio.run(_serve(provider, arguments))


async def _serve(provider: Provider, arguments: list[str]) -> None:
    server = grpc.aio.server(options=_GRPC_CHANNEL_OPTIONS)
    servicer = PlainErrorServicer(arguments, VERSION, provider, engine_address=arguments[0])
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    # The engine reads the port from our first line.
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await server.wait_for_termination()


def _end_with_parent() -> None:
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_CHECK_PERIOD_S)
        # Cut off like the engine itself; every operation may be repeated.
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()
