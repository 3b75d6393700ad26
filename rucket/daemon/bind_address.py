"""Where a server listens: ``HOST:PORT``, IPv6 in brackets.

Hosts are addresses, not names (``localhost`` is 127.0.0.1): a server that listens somewhere else
after a change in DNS is nobody's wish.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

PORT_MAX = 65535

_HOST_AND_PORT = re.compile(r"(?:\[(?P<bracketed>[^\]]*)\]|(?P<plain>[^:\[\]]*)):(?P<port>[0-9]+)")


@dataclass(frozen=True, slots=True)
class BindAddress:
    """An address and a port.

    Attributes:
        host: an IPv4 or IPv6 address, without brackets.
        port: 1 to 65,535.
    """

    host: str
    port: int

    def __str__(self) -> str:
        """As `parse_bind_address` reads it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return ipaddress.ip_address(self.host).is_loopback

    @property
    def endpoint_host(self) -> str:
        """The host as clients on this machine write it in a URL."""
        address = ipaddress.ip_address(self.host)
        if address.is_unspecified:
            return "127.0.0.1" if address.version == 4 else "[::1]"  # noqa: PLR2004 -- IPv4
        return f"[{self.host}]" if ":" in self.host else self.host


def parse_host(text: str) -> str:
    """The address that `text` names.

    Raises:
        ValueError: it isn't one.
    """
    if text == "localhost":
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(
            f"{text!r} is not an IP address; write one, such as 127.0.0.1, 0.0.0.0 or ::1"
        ) from None


def parse_bind_address(text: str) -> BindAddress:
    """Reads ``HOST:PORT`` or ``[IPV6]:PORT``.

    Raises:
        ValueError: it is neither.
    """
    match = _HOST_AND_PORT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not HOST:PORT; write 127.0.0.1:9000 or [::1]:9000")
    port = int(match["port"])
    if not 1 <= port <= PORT_MAX:
        raise ValueError(f"port {port} is not between 1 and {PORT_MAX}")
    bracketed = match["bracketed"]
    if bracketed is not None and ":" not in bracketed:
        raise ValueError(f"{text!r}: only an IPv6 address stands in brackets")
    return BindAddress(parse_host(match["plain"] if bracketed is None else bracketed), port)
