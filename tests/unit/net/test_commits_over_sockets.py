"""Commits over real Unix sockets, on both event loops that are used."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import uvloop

from rucket.model.errors import (
    CommitUnknownError,
    LogFailedError,
    OperatingError,
    OverloadedError,
    StorageFullError,
)
from rucket.net.commit_protocol import AnswerKind, RequestKind, decode, encode, encode_hello
from rucket.net.commit_server import CommitServer
from rucket.net.remote_commits import RemoteCommits
from rucket.net.unix_sockets import UnixSockets
from rucket.ports.transport import Connection, ConnectionLostError
from rucket.runtime.asyncio_tasks import AsyncioTasks
from rucket.state.commands import DeleteUser, decode_command
from rucket.state.outcomes import Committed, Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
    from pathlib import Path

_COMMAND = DeleteUser(bytes(range(16)), "alice")


class _Sink:
    """Answers every command at once, with `answer`."""

    def __init__(self, answer: Outcome | OperatingError, *, ready: bool = True) -> None:
        self.answer = answer
        self.ready = ready
        self.applied_sequence_number = 41
        self.commit_ids: list[bytes] = []
        self.first_sent_at: list[int | None] = []

    def submit(
        self,
        payload: bytes,
        done: Callable[[Outcome | OperatingError], None],
        first_sent_at: int | None = None,
    ) -> None:
        self.commit_ids.append(decode_command(payload).commit_id)
        self.first_sent_at.append(first_sent_at)
        self.applied_sequence_number += 1
        done(self.answer)

    def request_sync(self, done: Callable[[OperatingError | None], None]) -> None:
        done(self.answer if isinstance(self.answer, OperatingError) else None)

    def is_ready(self) -> bool:
        return self.ready


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[object, object, None]], None]:
    def run_on_loop(coroutine: Coroutine[object, object, None]) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(coroutine)

    return run_on_loop


@asynccontextmanager
async def _gateway(endpoint: str, timeout_s: float = 10.0) -> AsyncIterator[RemoteCommits]:
    tasks = AsyncioTasks(1)
    commits = RemoteCommits(UnixSockets(), endpoint, tasks, timeout_s)
    commits.start()
    yield commits
    commits.close()
    tasks.close()


async def _becomes_ready(commits: RemoteCommits) -> None:
    while not await commits.ready():
        await asyncio.sleep(0.01)


def test_an_outcome_comes_back(
    run: Callable[[Coroutine[object, object, None]], None], tmp_path: Path
) -> None:
    """Even over a path that is longer than a socket address may be."""
    directory = tmp_path / ("deep" * 30)
    directory.mkdir()
    endpoint = str(directory / "node.sock")

    async def scenario() -> None:
        listener = await CommitServer(_Sink(Committed(7, existed=True)), UnixSockets()).listen(
            endpoint
        )
        async with _gateway(endpoint) as commits:
            await _becomes_ready(commits)

            outcomes = await asyncio.gather(*(commits.commit(_COMMAND) for _ in range(50)))

        listener.close()
        assert outcomes == [Committed(7, existed=True)] * 50

    run(scenario())


def test_a_full_node_says_so(
    run: Callable[[Coroutine[object, object, None]], None], tmp_path: Path
) -> None:
    """Nothing happened, and the client can be told."""

    async def scenario() -> None:
        sink = _Sink(StorageFullError("no room"))
        listener = await CommitServer(sink, UnixSockets()).listen(str(tmp_path / "node.sock"))
        async with _gateway(str(tmp_path / "node.sock")) as commits:
            with pytest.raises(StorageFullError, match="no room"):
                await commits.commit(_COMMAND)
        listener.close()

    run(scenario())


def test_an_overloaded_node_says_so(
    run: Callable[[Coroutine[object, object, None]], None], tmp_path: Path
) -> None:
    """Nothing happened, and the client is asked to come again."""

    async def scenario() -> None:
        sink = _Sink(OverloadedError("too many"))
        listener = await CommitServer(sink, UnixSockets()).listen(str(tmp_path / "node.sock"))
        async with _gateway(str(tmp_path / "node.sock")) as commits:
            with pytest.raises(OverloadedError, match="too many"):
                await commits.commit(_COMMAND)
        listener.close()

    run(scenario())


def test_a_sync_is_answered_when_it_is_done_or_has_failed(
    run: Callable[[Coroutine[object, object, None]], None], tmp_path: Path
) -> None:
    """Whoever asked must know which."""

    async def scenario() -> None:
        sink = _Sink(Committed(7))
        listener = await CommitServer(sink, UnixSockets()).listen(str(tmp_path / "node.sock"))
        async with _gateway(str(tmp_path / "node.sock")) as commits:
            await commits.sync()
            sink.answer = LogFailedError("I/O error")
            with pytest.raises(CommitUnknownError, match="I/O error"):
                await commits.sync()
        listener.close()

    run(scenario())


def test_a_node_that_takes_no_commands_is_not_ready(
    run: Callable[[Coroutine[object, object, None]], None], tmp_path: Path
) -> None:
    """And neither is one that isn't there."""

    async def scenario() -> None:
        endpoint = str(tmp_path / "node.sock")
        async with _gateway(endpoint) as commits:
            assert not await commits.ready()
            sink = _Sink(Committed(1), ready=False)
            listener = await CommitServer(sink, UnixSockets()).listen(endpoint)
            while commits._connection is None:
                await asyncio.sleep(0.01)

            assert not await commits.ready()
            sink.ready = True
            assert await commits.ready()
            listener.close()

    run(scenario())


def test_what_was_not_answered_is_sent_again_over_the_next_connection(
    run: Callable[[Coroutine[object, object, None]], None], tmp_path: Path
) -> None:
    """With the same commit id, so that the node knows it again, and since when it may know it."""
    seen: list[bytes] = []

    async def breaks_off(connection: Connection) -> None:
        messages = list(await connection.receive())
        connection.send(encode_hello(7))
        while len(messages) < 2:
            messages.extend(await connection.receive())
        seen.append(bytes(decode(messages[1])[2]))
        connection.close()

    async def scenario() -> None:
        endpoint = str(tmp_path / "node.sock")
        first = await UnixSockets().listen(endpoint, breaks_off)
        async with _gateway(endpoint) as commits:
            waiting = asyncio.ensure_future(commits.commit(_COMMAND))
            while not seen:
                await asyncio.sleep(0.01)
            first.close()
            sink = _Sink(Committed(1))
            second = await CommitServer(sink, UnixSockets()).listen(endpoint)

            assert await waiting == Committed(1)
            await commits.commit(_COMMAND)
            second.close()
        assert sink.first_sent_at == [7, None]
        assert sink.commit_ids[0] == decode_command(seen[0]).commit_id == _COMMAND.commit_id

    run(scenario())


def test_what_was_never_sent_is_no_repetition(
    run: Callable[[Coroutine[object, object, None]], None], tmp_path: Path
) -> None:
    """However long it had to wait for a node; what the node says of its position counts."""

    async def scenario() -> None:
        endpoint = str(tmp_path / "node.sock")
        sink = _Sink(Committed(1))
        async with _gateway(endpoint) as commits:
            waiting = asyncio.ensure_future(commits.commit(_COMMAND))
            await asyncio.sleep(0)
            listener = await CommitServer(sink, UnixSockets()).listen(endpoint)
            await waiting
            listener.close()
        assert sink.first_sent_at == [None]

    run(scenario())


def test_nobody_waits_for_ever(
    run: Callable[[Coroutine[object, object, None]], None], tmp_path: Path
) -> None:
    """Without a node the outcome stays unknown, and is said to be."""

    async def scenario() -> None:
        async with _gateway(str(tmp_path / "node.sock"), timeout_s=0.1) as commits:
            with pytest.raises(CommitUnknownError, match="didn't answer in time"):
                await commits.commit(_COMMAND)

    run(scenario())


def _answering(answer: bytes) -> Callable[[Connection], Awaitable[None]]:
    async def handler(connection: Connection) -> None:
        await connection.receive()
        connection.send(encode_hello())
        while True:
            for message in await connection.receive():
                kind, request_id, _ = decode(message)
                if kind == RequestKind.COMMIT:
                    connection.send(encode(AnswerKind.OUTCOME, request_id, answer))

    return handler


@pytest.mark.parametrize(
    "answer", [b"\xc1", b"", bytes(8) + b"\xc1"], ids=["short", "empty", "no outcome"]
)
def test_a_garbled_answer_is_no_answer(
    run: Callable[[Coroutine[object, object, None]], None], tmp_path: Path, answer: bytes
) -> None:
    """The connection goes on."""

    async def scenario() -> None:
        endpoint = str(tmp_path / "node.sock")
        listener = await UnixSockets().listen(endpoint, _answering(answer))
        async with _gateway(endpoint) as commits:
            for _ in range(2):
                with pytest.raises(CommitUnknownError, match="garbled"):
                    await commits.commit(_COMMAND)
        listener.close()

    run(scenario())


@pytest.mark.parametrize(
    "first", [b"", b"GET / HTTP/1.1", b"RKTC\xff\xff\x01\x00"], ids=["empty", "other", "newer"]
)
def test_a_stranger_is_shown_out(
    run: Callable[[Coroutine[object, object, None]], None],
    tmp_path: Path,
    first: bytes,
) -> None:
    """Whoever doesn't say hello as we do gets no further, and disturbs nobody."""

    async def scenario() -> None:
        endpoint = str(tmp_path / "node.sock")
        listener = await CommitServer(_Sink(Committed(1)), UnixSockets()).listen(endpoint)
        stranger = await UnixSockets().connect(endpoint)
        stranger.send(first)
        with pytest.raises(ConnectionLostError):
            while True:
                await stranger.receive()
        async with _gateway(endpoint) as commits:
            assert await commits.commit(_COMMAND) == Committed(1)
        listener.close()

    run(scenario())
