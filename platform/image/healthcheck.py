"""Tells the container engine whether the server lives: exit code 0 or 1.

Standard library only, and little of it: it runs every few seconds. It looks where the server
listens in the environment, then in /etc/rucket/rucket.toml, as the server does itself.
"""

from __future__ import annotations

import os
import socket
import sys
import tomllib
from pathlib import Path

_SETTINGS = Path("/etc/rucket/rucket.toml")
_DEFAULT_BIND = "127.0.0.1:9000"
_TIMEOUT_S = 4.0
_REQUEST = b"GET /minio/health/live HTTP/1.0\r\nHost: localhost\r\n\r\n"
# Listening everywhere means that loopback answers.
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def _setting(server: dict[str, object], key: str) -> str | None:
    value = os.environ.get(f"RUCKET__SERVER__{key.upper()}") or server.get(key)
    return None if value is None else str(value)


def main() -> int:
    """Ask once."""
    try:
        server = tomllib.loads(_SETTINGS.read_text(encoding="utf-8")).get("server", {})
    except (OSError, ValueError):
        server = {}
    host, _, port = (_setting(server, "bind") or _DEFAULT_BIND).rpartition(":")
    host = host.strip("[]")
    try:
        with socket.create_connection((_LOOPBACK.get(host, host), int(port)), _TIMEOUT_S) as plain:
            connection = plain
            if _setting(server, "tls_cert") is not None:
                connection = _in_tls(plain)
            connection.sendall(_REQUEST)
            status_line = connection.recv(64).split(b"\r\n", 1)[0]
    except (OSError, ValueError) as error:
        print(f"{host}:{port}: {error}")  # noqa: T201 -- the engine keeps it
        return 1
    print(status_line.decode("latin-1"))  # noqa: T201
    return 0 if status_line.split(b" ")[1:2] == [b"200"] else 1


def _in_tls(plain: socket.socket) -> socket.socket:
    import ssl  # noqa: PLC0415 -- takes longer than all the rest, and is seldom needed

    # Whose certificate it is doesn't matter: this connection never leaves the container.
    return ssl._create_unverified_context().wrap_socket(plain)  # noqa: SLF001


if __name__ == "__main__":
    sys.exit(main())
