"""What has to be true before a server starts its processes.

The lock is a flock(2) on ``DATA_DIR/LOCK``. It belongs to the open file, which the supervisor's
children inherit: it is free when the last of them has gone, and not when a supervisor was killed
whose node still waits for its disk.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import ssl
import time
from typing import TYPE_CHECKING, Final

from rucket.daemon.data_directory import DataDirectory
from rucket.daemon.key_register import KeyRegister
from rucket.daemon.process_control import raise_open_files_limit
from rucket.disk.os_disk import OsDisk
from rucket.model.errors import (
    ConfigurationError,
    DataDirectoryError,
    DeviceError,
    OperatingError,
    StorageFullError,
)
from rucket.observe.log import get_logger
from rucket.runtime.system import SystemClock

if TYPE_CHECKING:
    from pathlib import Path

    from rucket.daemon.bind_address import BindAddress
    from rucket.daemon.settings import Settings

LOCK_NAME: Final = "LOCK"

OPEN_FILES_MIN: Final = 256
OPEN_FILES_ADVISED: Final = 4096
OPEN_FILES_BESIDES_CONNECTIONS: Final = 512

# A server that was killed is gone in an instant, unless its disk holds it.
_PREDECESSOR_WAIT_S: Final = 5.0
_PORT_WAIT_S: Final = 0.5
_POLL_INTERVAL_S: Final = 0.05

_log = get_logger(__name__)


def prepare_data_directory(path: Path) -> int:
    """Makes the data directory where it is missing, and takes the lock on it.

    Returns:
        The descriptor that holds the lock.

    Raises:
        DataDirectoryError: it can't be used, or another server uses it.
    """
    try:
        OsDisk().make_directory(str(path))
        descriptor = os.open(path / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except (OSError, DeviceError, StorageFullError) as error:
        raise DataDirectoryError(
            f"the data directory {path} can't be used: {error}; "
            "give storage.data_dir (-d) a directory that this user may write"
        ) from error
    try:
        _lock(descriptor, path)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def check_encryption_keys(settings: Settings) -> None:
    """Finds out whether the master keys that objects are encrypted under are there, and lists the
    one that will be used from now on. The data directory is locked.

    Raises:
        ConfigurationError: a key is missing.
        OperatingError: the list can't be read or written.
    """
    data_dir = settings.storage.data_dir
    disk = OsDisk()
    register = KeyRegister(disk, DataDirectory(str(data_dir), disk).key_register)
    ring = settings.storage.encryption.key_ring()
    register.check(ring)
    if ring is not None:
        register.add(ring.active.key_id, SystemClock().wall_ms())


def check_addresses(settings: Settings) -> None:
    """Finds out whether the server will be able to listen.

    Gateway processes share their port (SO_REUSEPORT), so that two servers would share it as well,
    each with half of the clients. That is why it is tried without sharing first.

    Raises:
        OperatingError: somebody else listens there, or it is no address of this machine.
    """
    _probe("server.bind", settings.server.bind_address)
    if settings.metrics.enabled:
        _probe("metrics.port", settings.metrics_address)


def check_open_files(settings: Settings) -> None:
    """Raises the limit on open files, and complains where that isn't enough.

    Raises:
        OperatingError: nothing would work with it.
    """
    limit = raise_open_files_limit()
    if limit < OPEN_FILES_MIN:
        raise OperatingError(
            f"this user may open {limit} files; a server needs {OPEN_FILES_MIN} (ulimit -Hn)"
        )
    wanted = settings.server.max_connections + OPEN_FILES_BESIDES_CONNECTIONS
    if limit < max(OPEN_FILES_ADVISED, wanted):
        _log.warning(
            "few open files are allowed: raise the hard limit (ulimit -Hn) or lower "
            "server.max_connections",
            limit=limit,
            advised=max(OPEN_FILES_ADVISED, wanted),
        )


def check_tls(settings: Settings) -> None:
    """Finds out whether certificate and key can be used.

    Raises:
        ConfigurationError: they can't.
    """
    certificate, key = settings.server.tls_cert, settings.server.tls_key
    if certificate is None or key is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"server.tls_cert {certificate} and server.tls_key {key} can't be used: {error}; "
            "both are PEM files, and the key is not encrypted"
        ) from error


def _lock(descriptor: int, path: Path) -> None:
    for attempt in range(round(_PREDECESSOR_WAIT_S / _POLL_INTERVAL_S) + 1):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            if _is_alive(holder):
                raise DataDirectoryError(
                    f"the data directory {path} is in use by another server (pid {holder}); "
                    "stop that one, or give this one another storage.data_dir (-d)"
                ) from None
            if attempt == 0:
                _log.info("waiting for the processes of a killed server to end", pid=holder)
            time.sleep(_POLL_INTERVAL_S)
        else:
            return
    raise DataDirectoryError(
        f"the data directory {path} is still held by processes of a server that was killed; "
        "they wait for a device: see the kernel's log"
    )


def _is_alive(pid_text: str) -> bool:
    """Whether a process holds that id; a zombie has given its files back."""
    try:
        with open(f"/proc/{int(pid_text)}/stat", "rb") as file:  # noqa: PTH123 -- not a real file
            return file.read().rpartition(b")")[2].split()[0] != b"Z"
    except (OSError, ValueError, IndexError):
        return False


def _probe(setting: str, address: BindAddress) -> None:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    for attempt in range(round(_PORT_WAIT_S / _POLL_INTERVAL_S) + 1):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # Connections of an earlier server that linger (TIME_WAIT) don't count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address.host, address.port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE and attempt * _POLL_INTERVAL_S < _PORT_WAIT_S:
                    time.sleep(_POLL_INTERVAL_S)
                    continue
                raise OperatingError(
                    f"can't listen on {address} ({setting}): {error.strerror}; "
                    f"give {setting} an address that is free"
                ) from error
            return
