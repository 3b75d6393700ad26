"""Runs a test server: what `rucket serve` does, with the roles of the tests."""

import os
import sys
from pathlib import Path

from rucket.daemon.server import run_server
from rucket.daemon.settings_sources import load_settings
from rucket.model.errors import RucketError

ROLE_MODULES = "tests.unit.daemon.roles"


def main() -> int:
    """Takes the settings file from the command line."""
    settings = load_settings(Path(sys.argv[1]), {})
    try:
        return run_server(settings, lambda: _greet(settings.storage.data_dir.parent), ROLE_MODULES)
    except RucketError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1


def _greet(directory: Path) -> None:
    (directory / "greeted").write_text(str(os.getpid()))


if __name__ == "__main__":
    sys.exit(main())
