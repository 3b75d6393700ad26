"""The node role of a test server."""

from rucket.daemon.child import run_child
from tests.unit.daemon.roles.behaviour import play

if __name__ == "__main__":
    run_child("node", play)
