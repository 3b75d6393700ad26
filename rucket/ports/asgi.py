"""What an HTTP server and an application say to each other: ASGI, as far as it is used here.

Three things are as ASGI leaves them open, or more than it has:

- `Send` raises `ClientGoneError`, an OSError, once the client has left.
- The body of ``http.request`` may be a ``bytearray``. It is the application's then.
- ``scope["rucket.is_one_too_many"]`` says that there are more connections than may be, and that
  this is one of those that came last.

Source: asgi.readthedocs.io, HTTP 2.4.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
HeaderPairs = list[tuple[bytes, bytes]]

IS_ONE_TOO_MANY: Final = "rucket.is_one_too_many"


class ClientGoneError(OSError):
    """The client left before it had the whole answer."""
