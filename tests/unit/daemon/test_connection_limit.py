"""The limit on connections."""

from __future__ import annotations

import socket

from rucket.daemon.connection_limit import ConnectionLimit, count_sockets


class TestConnectionLimit:
    """Whom it turns away."""

    def test_nobody_is_turned_away_up_to_the_limit(self) -> None:
        """As many connections as may be are served."""
        limit = ConnectionLimit(10, lambda _: 10)

        limit.look()

        assert not limit.turns_away()

    def test_as_many_requests_are_turned_away_as_there_are_connections_too_many(self) -> None:
        """Then no more, until somebody has looked again."""
        limit = ConnectionLimit(10, lambda _: 13)

        limit.look()

        assert [limit.turns_away() for _ in range(5)] == [True, True, True, False, False]
        limit.look()
        assert limit.turns_away()

    def test_who_comes_when_the_others_have_gone_is_served(self) -> None:
        """What was counted before doesn't matter any more."""
        counts = [20, 3]
        limit = ConnectionLimit(10, lambda _: counts.pop(0))

        limit.look()
        limit.look()

        assert not limit.turns_away()


def test_sockets_are_told_from_files() -> None:
    """Exactly, where it matters: only when there are more descriptors than may be connections."""
    before = count_sockets(0)

    with (
        open(__file__),  # noqa: PTH123 - something that is no socket
        socket.socket() as first,
        socket.socket() as second,
    ):
        assert first.fileno() != second.fileno()
        assert count_sockets(0) == before + 2
        assert count_sockets(10**6) >= before + 3
