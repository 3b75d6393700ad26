"""Whom the benchmark talks to: a name, a URL, a key pair, and by default only on this machine."""

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

DEFAULT_PORT = 80


class EndpointError(Exception):
    """An endpoint is written wrongly, not allowed, not there, or refuses the keys."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One S3 store under measurement."""

    name: str
    host: str
    port: int
    access_key: str
    secret_key: str
    region: str = "us-east-1"

    @property
    def url(self) -> str:
        """The endpoint's URL, without a trailing slash."""
        return f"http://{self.authority}"

    @property
    def authority(self) -> str:
        """Host and port as they stand in the Host header."""
        return self.host if self.port == DEFAULT_PORT else f"{self.host}:{self.port}"


def parse_endpoint(text: str) -> Endpoint:
    """Read `name=http://host:port,access key,secret key`.

    Raises:
        EndpointError: The text is not of that form; the message says what is wrong.
    """
    name, equals, rest = text.partition("=")
    parts = rest.split(",")
    if not (name and equals) or len(parts) != 3 or not all(parts):
        raise EndpointError(f"{text!r} is not NAME=URL,ACCESS_KEY,SECRET_KEY")
    url, access_key, secret_key = parts
    split = urlsplit(url)
    if split.scheme != "http" or split.hostname is None or split.path not in ("", "/"):
        raise EndpointError(f"{url!r} is not http://HOST:PORT (the load generator speaks no TLS)")
    return Endpoint(name, split.hostname, split.port or DEFAULT_PORT, access_key, secret_key)


def require_loopback(endpoint: Endpoint) -> None:
    """Refuse an endpoint that is not on this machine.

    Raises:
        EndpointError: A name of it leads elsewhere, or nowhere.
    """
    try:
        found = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise EndpointError(f"{endpoint.name}: no address for {endpoint.host}: {error}") from error
    addresses = {str(entry[4][0]) for entry in found}
    outside = [one for one in sorted(addresses) if not ipaddress.ip_address(one).is_loopback]
    if outside:
        raise EndpointError(
            f"{endpoint.name}: {endpoint.host} is {', '.join(outside)}, not on this machine; "
            "load is sent elsewhere only with --allow-remote"
        )
