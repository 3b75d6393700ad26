"""An nginx that serves a directory, as the limit of what a server of bytes can do here.

Its settings are Debian's defaults where they matter: sendfile, one worker a core, an access log.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from loadtests.bench.endpoints import EndpointError
from loadtests.bench.processes import LOOPBACK, free_port

READY_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 10.0

CONFIG = """\
daemon off;
pid {directory}/nginx.pid;
worker_processes auto;
error_log {directory}/error.log;
{user}
events {{ worker_connections 768; }}
http {{
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    default_type application/octet-stream;
    access_log {directory}/access.log;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen {host}:{port};
        root {root};
    }}
}}
"""


def nginx_program() -> str:
    """Where nginx is.

    Raises:
        EndpointError: It isn't installed.
    """
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise EndpointError("nginx is needed for --limits (on Debian: apt-get install nginx-light)")
    return found


@contextmanager
def serving(root: Path, directory: Path) -> Iterator[int]:
    """Serve the files below `root`; yield the port. Its own files go into `directory`.

    Raises:
        EndpointError: nginx isn't installed or doesn't start.
    """
    port = free_port()
    config = directory / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(
        CONFIG.format(directory=directory, host=LOOPBACK, port=port, root=root, user=user)
    )
    process = subprocess.Popen(
        [nginx_program(), "-c", str(config), "-e", str(directory / "error.log")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_ready(process, port, directory / "error.log")
        yield port
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < until and process.poll() is None:
        connection = HTTPConnection(LOOPBACK, port, timeout=2)
        try:
            connection.request("HEAD", "/")
            connection.getresponse()
        except OSError:
            time.sleep(0.02)
        else:
            return
        finally:
            connection.close()
    said = log.read_text(errors="replace") if log.exists() else ""
    raise EndpointError(f"nginx did not start: {said}")
