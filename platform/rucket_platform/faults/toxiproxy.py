"""The network between clients and a server, through a real toxiproxy.

Source: https://github.com/Shopify/toxiproxy, README, "Toxics" and "HTTP API".
"""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import httpx

from rucket_platform.errors import FaultError, WaitTimeout
from rucket_platform.substrates.ports import find_free
from rucket_platform.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_HOST = "127.0.0.1"
_TIMEOUT_S = 5.0
_START_TIMEOUT_S = 15.0

Stream = Literal["upstream", "downstream"]


@dataclass(frozen=True, slots=True)
class Toxic:
    """Something that happens to bytes on their way.

    Attributes:
        type: latency, bandwidth, slow_close, timeout, reset_peer, slicer or limit_data.
        stream: From clients to the server (upstream), or back.
        toxicity: The share of connections that it affects.
    """

    type: str
    stream: Stream = "downstream"
    toxicity: float = 1.0
    attributes: Mapping[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Unique within a proxy."""
        return f"{self.type}_{self.stream}"


class Proxy:
    """One listener that forwards to one server."""

    def __init__(self, api: httpx.Client, name: str, endpoint: str) -> None:
        self._api = api
        self._name = name
        self.endpoint = endpoint

    def add(self, toxic: Toxic) -> None:
        """Begin with a toxic, on new connections and on those that are open."""
        self._ask(
            "POST",
            f"/proxies/{self._name}/toxics",
            {
                "name": toxic.name,
                "type": toxic.type,
                "stream": toxic.stream,
                "toxicity": toxic.toxicity,
                "attributes": dict(toxic.attributes),
            },
        )

    def remove(self, toxic: Toxic) -> None:
        """End it."""
        self._ask("DELETE", f"/proxies/{self._name}/toxics/{toxic.name}")

    def set_up(self, *, is_up: bool) -> None:
        """Accept connections, or close all and refuse new ones."""
        self._ask("POST", f"/proxies/{self._name}", {"enabled": is_up})

    def check(self) -> None:
        """Return if it still forwards: a dead proxy isn't the server's failure.

        Raises:
            FaultError: It doesn't answer any more.
        """
        self._ask("GET", f"/proxies/{self._name}")

    def _ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> None:
        _ask(self._api, method, path, body)


@contextmanager
def proxy_to(executable: Path, host: str, port: int) -> Iterator[Proxy]:
    """A proxy to a server on this machine, for as long as the context is open.

    Raises:
        FaultError: toxiproxy doesn't start, or doesn't answer.
    """
    api_port, proxy_port = find_free(_HOST, 2)
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [str(executable), "-host", _HOST, "-port", str(api_port)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        url = f"http://{_HOST}:{api_port}"
        try:
            with httpx.Client(base_url=url, timeout=_TIMEOUT_S, trust_env=False) as api:
                _wait_ready(api, process)
                listen = f"{_HOST}:{proxy_port}"
                upstream = f"{host}:{port}"
                body = {"name": "s3", "listen": listen, "upstream": upstream, "enabled": True}
                _ask(api, "POST", "/proxies", body)
                yield Proxy(api, "s3", f"http://{listen}")
        finally:
            process.kill()
            process.wait()


def _wait_ready(api: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    def answers() -> bool:
        if process.poll() is not None:
            raise FaultError(f"toxiproxy ended with {process.returncode} right after its start")
        try:
            return api.get("/version").is_success
        except httpx.HTTPError:
            return False

    try:
        wait_until(answers, timeout_s=_START_TIMEOUT_S, what="toxiproxy to answer")
    except WaitTimeout as error:
        raise FaultError(str(error)) from error


def _ask(
    api: httpx.Client, method: str, path: str, body: Mapping[str, object] | None = None
) -> None:
    try:
        answer = api.request(method, path, json=body)
    except httpx.HTTPError as error:
        raise FaultError(f"toxiproxy no longer answers: {error}") from error
    if not answer.is_success:
        raise FaultError(f"toxiproxy refused {method} {path}: {answer.text.strip()[:300]}")
