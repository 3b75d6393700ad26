"""The supervisor, with real processes. Source: docs/architecture.md, "Processes"."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from rucket.daemon.supervisor import START_ATTEMPTS_MAX
from tests.unit.daemon.roles.behaviour import Script
from tests.unit.daemon.supervised_server import (
    SECRET,
    TIMEOUT_S,
    SupervisedServer,
    supervised_server,
)

ALL_PLACES = {"node", "gateway-0", "gateway-1", "maintenance"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SupervisedServer]:
    """A server that is not started yet."""
    with supervised_server(tmp_path) as server:
        yield server


def test_others_start_when_the_node_is_ready(server: SupervisedServer) -> None:
    """The node comes first and alone; the server is ready when all are."""
    server.start_ready()

    ready_at = server.journal().index(("ready", "node", server.pids("node")[0]))
    started = [place for what, place, _ in server.journal()[:ready_at] if what == "started"]
    assert started == ["node"]
    assert set(server.order_of("ready")) == ALL_PLACES


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_shutdown_is_in_order(server: SupervisedServer, number: signal.Signals) -> None:
    """Gateways drain, then maintenance ends, then the node; all well is exit code 0."""
    process = server.start_ready()

    process.send_signal(number)

    assert process.wait(TIMEOUT_S) == 0, server.log()
    assert set(server.order_of("ended")[:2]) == {"gateway-0", "gateway-1"}
    assert server.order_of("stopping")[2:] == ["maintenance", "node"]
    assert server.order_of("ended")[2:] == ["maintenance", "node"]
    assert server.living() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_node_ends_last_when_the_whole_group_is_signalled(
    server: SupervisedServer, number: signal.Signals
) -> None:
    """A terminal, timeout(1) and systemd signal all processes at once: the node waits still."""
    process = server.start_ready()

    os.killpg(process.pid, number)

    assert process.wait(TIMEOUT_S) == 0, server.log()
    assert server.order_of("ended")[-1] == "node"
    assert set(server.order_of("ended")) == ALL_PLACES


def test_nothing_outlives_a_killed_supervisor(server: SupervisedServer) -> None:
    """The kernel ends the children of a supervisor that was killed."""
    process = server.start_ready()
    assert len(server.living()) == len(ALL_PLACES)

    process.kill()

    server.wait_for(lambda: not server.living(), "the children to end")


def test_a_killed_server_can_be_started_at_once(server: SupervisedServer) -> None:
    """The lock and the ports of a server that was killed don't stand in the way of the next."""
    server.start_ready().kill()

    process = server.start_ready()

    process.send_signal(signal.SIGTERM)
    assert process.wait(TIMEOUT_S) == 0


@pytest.mark.parametrize("place", ["node", "gateway-1", "maintenance"])
def test_a_killed_process_is_replaced(server: SupervisedServer, place: str) -> None:
    """A process that dies is logged, reaped and started again; the others go on."""
    server.start_ready()
    others = {other: server.pids(other) for other in ALL_PLACES - {place}}
    (pid,) = server.pids(place)

    os.kill(pid, signal.SIGKILL)

    server.wait_for(lambda: server.order_of("ready").count(place) == 2, "a successor")
    assert not Path(f"/proc/{pid}").exists()
    assert f"place={place}  pid={pid}  how=signal SIGKILL" in server.log()
    assert {other: server.pids(other) for other in others} == others


def test_a_process_that_keeps_dying_at_the_start_ends_the_server(server: SupervisedServer) -> None:
    """Before the server was ever ready, a process has a few attempts, not endlessly many."""
    server.script("gateway-1", Script.CRASH)
    process = server.start()

    assert process.wait(TIMEOUT_S) == 1
    assert len(server.pids("gateway-1")) == START_ATTEMPTS_MAX
    assert "ZeroDivisionError" in server.log()
    assert "OperatingError: the gateway-1 process can't run: it ended 5 times" in server.log()
    assert server.living() == []


def test_a_process_that_dies_later_is_started_again_and_again(server: SupervisedServer) -> None:
    """Once the server was ready, it doesn't give up: the trouble may pass."""
    server.start_ready()
    server.script("maintenance", Script.FULL)
    os.kill(server.pids("maintenance")[0], signal.SIGKILL)
    server.wait_for(lambda: len(server.pids("maintenance")) == 4, "attempts")

    server.script("maintenance", Script.WORK)

    server.wait_for(lambda: server.order_of("ready").count("maintenance") == 2, "success")
    assert "no room left" in server.log()


def test_a_refusal_ends_the_server_with_its_reason(server: SupervisedServer) -> None:
    """What a restart wouldn't mend is told once, in one line."""
    server.script("node", Script.REFUSE)
    process = server.start()

    assert process.wait(TIMEOUT_S) == 1
    assert len(server.pids("node")) == 1
    message = "the node process can't run: wal/0001 is corrupt: the checksum differs"
    assert f"OperatingError: {message}" in server.log()


def test_a_wrong_setting_found_by_a_child_is_a_configuration_error(
    server: SupervisedServer,
) -> None:
    """It is told as one, so that the command exits with code 2."""
    server.script("gateway-0", Script.MISCONFIGURED)
    process = server.start()

    assert process.wait(TIMEOUT_S) == 1
    message = "the gateway-0 process can't run: server.tls_cert is of no use"
    assert f"ConfigurationError: {message}" in server.log()


def test_what_does_not_drain_is_killed(tmp_path: Path) -> None:
    """A gateway that hangs costs its share of the time-out, and not the node's orderly end."""
    with supervised_server(tmp_path, shutdown_timeout_s=2) as server:
        server.script("gateway-0", Script.HANG)
        process = server.start_ready()

        process.send_signal(signal.SIGTERM)

        assert process.wait(TIMEOUT_S) == 1
        assert server.order_of("ended") == ["gateway-1", "maintenance", "node"]
        assert server.living() == []


def test_a_second_signal_does_not_wait(server: SupervisedServer) -> None:
    """Whoever presses Ctrl-C again wants an end now."""
    server.script("gateway-0", Script.HANG)
    process = server.start_ready()
    process.send_signal(signal.SIGINT)
    server.wait_for(lambda: "gateway-0" in server.order_of("stopping"), "the gateway to hang")

    process.send_signal(signal.SIGINT)

    assert process.wait(TIMEOUT_S) == 1
    assert "node" not in server.order_of("ended")
    assert server.living() == []


def test_a_server_can_be_ended_before_it_is_ready(server: SupervisedServer) -> None:
    """A start that takes long can be given up in good order."""
    server.script("maintenance", Script.PRINT)
    process = server.start()
    server.wait_for(lambda: len(server.order_of("started")) == len(ALL_PLACES), "all to start")

    process.send_signal(signal.SIGTERM)

    assert process.wait(TIMEOUT_S) == 0, server.log()


def test_what_a_child_prints_does_not_count(server: SupervisedServer) -> None:
    """Standard output of a child is the supervisor's: what a library prints goes to the log."""
    server.script("node", Script.PRINT)
    server.start()

    server.wait_for(lambda: "\nready\n" in server.log(), "the print")
    assert server.order_of("started") == ["node"]


def test_sighup_is_ignored(server: SupervisedServer) -> None:
    """A server outlives its terminal."""
    process = server.start_ready()

    process.send_signal(signal.SIGHUP)

    server.wait_for(lambda: "ignored SIGHUP" in server.log(), "the log line")
    assert len(server.living()) == len(ALL_PLACES)


def test_a_second_server_on_the_same_data_is_refused(server: SupervisedServer) -> None:
    """Two writers would destroy each other's work; the message names the first one's pid."""
    first = server.start_ready()

    second = server.start()

    assert second.wait(TIMEOUT_S) == 1
    assert f"is in use by another server (pid {first.pid})" in server.log()
    assert len(server.living()) == len(ALL_PLACES)


@pytest.mark.parametrize("setting", ["server.bind", "metrics.port"])
def test_an_address_in_use_is_named(server: SupervisedServer, setting: str) -> None:
    """Also when who listens there is willing to share it."""
    port = server.metrics_port if setting == "metrics.port" else int(server.bind.split(":")[1])
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", port))
        other.listen()

        process = server.start()

        assert process.wait(TIMEOUT_S) == 1
    assert f"can't listen on 127.0.0.1:{port} ({setting}): Address already in use" in server.log()
    assert server.journal() == []


def test_secrets_are_where_nobody_sees_them(server: SupervisedServer) -> None:
    """Neither command lines nor environments of children hold a secret, nor does the log."""
    server.start_ready()

    for pid in server.living():
        seen = b"".join(Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ"))
        assert SECRET.encode() not in seen
        assert str(Path(f"/proc/{pid}/fd/0").readlink()) == os.devnull
    assert SECRET not in server.log()


def test_the_data_directory_is_for_its_owner(server: SupervisedServer) -> None:
    """Nobody else on the machine reads what is stored."""
    server.start_ready()

    assert server.data_dir.stat().st_mode & 0o777 == 0o700
