"""The image's health check, run as the engine runs it, against a server of the test's."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.server_process import free_ports

_SCRIPT = Path(__file__).resolve().parents[3] / "platform" / "image" / "healthcheck.py"


@contextmanager
def _server(status: int) -> Iterator[int]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/minio/health/live" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def _check(bind: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-S", _SCRIPT],
        env={"RUCKET__SERVER__BIND": bind},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (404, 1)])
def test_only_a_server_that_lives_is_healthy(status: int, code: int) -> None:
    """200 from the liveness page is health, anything else isn't, and is told."""
    with _server(status) as port:
        checked = _check(f"127.0.0.1:{port}")

    assert checked.returncode == code
    assert str(status) in checked.stdout


def test_a_server_that_listens_everywhere_is_asked_on_loopback() -> None:
    """0.0.0.0 is no address to connect to."""
    with _server(200) as port:
        assert _check(f"0.0.0.0:{port}").returncode == 0


def test_a_server_that_does_not_answer_is_unhealthy() -> None:
    """A refused connection is told without a traceback."""
    (port,) = free_ports(1)

    checked = _check(f"127.0.0.1:{port}")

    assert checked.returncode == 1
    assert "refused" in checked.stdout
    assert checked.stderr == ""
