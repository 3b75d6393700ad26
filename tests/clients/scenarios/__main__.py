"""Run one scenario: `python -m tests.clients.scenarios MODULE FUNCTION`, the session on stdin."""

import importlib
import sys

from tests.clients.scenarios.session import Session


def main() -> None:
    """Run the scenario; a failure ends the process with a traceback."""
    module_name, function_name = sys.argv[1:]
    module = importlib.import_module(f"tests.clients.scenarios.{module_name}")
    getattr(module, function_name)(Session.from_json(sys.stdin.read()))


if __name__ == "__main__":
    main()
