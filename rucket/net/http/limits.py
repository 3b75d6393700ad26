"""What clients may ask of the HTTP server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What clients may ask of the server.

    Attributes:
        connection_count_max: those that come on top are told so with their next request.
        head_size_bytes_max: from the request line to the empty line.
        head_timeout_s: for a head to come in, and for a connection to be idle.
        send_timeout_s: how long a client may read nothing while there is something to read.
    """

    connection_count_max: int
    head_size_bytes_max: int
    head_timeout_s: float
    send_timeout_s: float
