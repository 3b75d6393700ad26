"""Having a data directory to oneself: for commands that work while no server does."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rucket.daemon.preflight import prepare_data_directory
from rucket.model.errors import ConfigurationError, DataDirectoryError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def offline(data_dir: Path, instead: str) -> Iterator[None]:
    """Holds the lock of a data directory.

    Args:
        data_dir: made by a server.
        instead: what there is to say to who has a server running on it.

    Raises:
        ConfigurationError: it is no data directory, or a server uses it.
    """
    if not (data_dir / "rucket.json").is_file() and not (data_dir / "wal").is_dir():
        raise ConfigurationError(f"{data_dir} is no data directory of Rucket")
    try:
        lock_descriptor = prepare_data_directory(data_dir)
    except DataDirectoryError as error:
        raise ConfigurationError(f"{error}; {instead}") from error
    try:
        yield
    finally:
        os.close(lock_descriptor)
