"""A whole server, from its settings to its end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rucket.daemon.devices import prepare_node_devices
from rucket.daemon.preflight import (
    check_addresses,
    check_encryption_keys,
    check_open_files,
    check_tls,
    prepare_data_directory,
)
from rucket.daemon.supervisor import ROLE_MODULES, Supervisor
from rucket.daemon.version import VERSION
from rucket.observe.log import configure_logging, get_logger
from rucket.runtime.system import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from rucket.daemon.handshake import ExitCode
    from rucket.daemon.settings import Settings

_log = get_logger(__name__)


def run_server(
    settings: Settings, greet: Callable[[], None], role_modules: str = ROLE_MODULES
) -> ExitCode:
    """Runs a server in this process and its children, until it is told to end.

    Args:
        settings: the server's.
        greet: called once, when the server is ready.
        role_modules: the package that has a module for every role.

    Raises:
        OperatingError: why it can't start, or can't go on.
    """
    pretty = settings.logging.format == "pretty"
    configure_logging(settings.logging.level, pretty=pretty, process="supervisor")
    settings = settings.with_encryption_keys()
    check_tls(settings)
    check_open_files(settings)
    lock_descriptor = prepare_data_directory(settings.storage.data_dir)
    try:
        check_encryption_keys(settings)
        check_addresses(settings)
        prepare_node_devices(settings.storage)

        def announce() -> None:
            _log.info(
                "ready",
                version=VERSION,
                endpoint=settings.server.endpoint,
                data_dir=str(settings.storage.data_dir),
                workers=settings.server.workers,
            )
            greet()

        supervisor = Supervisor(settings, SystemClock(), lock_descriptor, announce, role_modules)
        return supervisor.run()
    finally:
        os.close(lock_descriptor)
