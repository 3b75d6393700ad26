"""The gateway's side of the commit protocol: the `Commits` port over a connection to the node.

While the node restarts, commits wait; they are sent again over the next connection. A command
carries its commit id, so that one the node had taken before it went away isn't taken twice; and one
that is sent again says since when, so that the node can tell whether it still knows
(`rucket.net.commit_protocol`).
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rucket.model.errors import (
    CommitUnknownError,
    OperatingError,
    OverloadedError,
    StorageFullError,
    UnknownFormatError,
)
from rucket.net.commit_protocol import (
    AnswerKind,
    RequestKind,
    check_hello,
    decode,
    encode,
    encode_hello,
    encode_position,
    split_position,
)
from rucket.ports.transport import Connection, ConnectionLostError
from rucket.state.commands import encode_command
from rucket.state.outcomes import MalformedOutcomeError, decode_outcome

if TYPE_CHECKING:
    from rucket.model.records import Record
    from rucket.ports.tasks import Promise, Task, Tasks
    from rucket.ports.transport import Transport

_logger = logging.getLogger(__name__)

_RECONNECT_DELAY_S = 0.05
_STATUS_TIMEOUT_S = 2.0


@dataclass(slots=True)
class _Question:
    """What waits for an answer.

    Attributes:
        first_sent_at: the node's position, as far as it was known when this was sent first; None
            before that.
    """

    request_id: int
    kind: RequestKind
    payload: bytes
    promise: Promise[Any]
    first_sent_at: int | None = None

    def message(self, position: int) -> bytes:
        """What is sent, now that this position is known."""
        if self.first_sent_at is None:
            self.first_sent_at = position
            return encode(self.kind, self.request_id, self.payload)
        if self.kind is not RequestKind.COMMIT:
            return encode(self.kind, self.request_id, self.payload)
        payload = encode_position(self.first_sent_at) + self.payload
        return encode(RequestKind.REPEATED_COMMIT, self.request_id, payload)


class RemoteCommits:
    """Commits through the node process that listens at `endpoint`.

    Args:
        timeout_s: how long a commit may take, restarts of the node included.
    """

    def __init__(self, transport: Transport, endpoint: str, tasks: Tasks, timeout_s: float) -> None:
        self._transport = transport
        self._endpoint = endpoint
        self._tasks = tasks
        self._timeout_s = timeout_s
        self._connection: Connection | None = None
        self._waiting: dict[int, _Question] = {}
        self._position = 0
        self._last_request_id = 0
        self._task: Task[None] | None = None

    def start(self) -> None:
        """Connects, and keeps connecting, in the background."""
        self._task = self._tasks.spawn(self._run(), "commit-connection")

    def close(self) -> None:
        """Ends the connection; commits in flight stay unanswered."""
        if self._task is not None:
            self._task.cancel()
        if self._connection is not None:
            self._connection.close()

    async def commit(self, command: Record) -> Record:
        """See `Commits.commit`."""
        payload = encode_command(command)
        outcome: Record = await self._ask(RequestKind.COMMIT, payload, self._timeout_s)
        return outcome

    async def sync(self) -> None:
        """See `Commits.sync`."""
        await self._ask(RequestKind.SYNC, b"", self._timeout_s)

    async def ready(self) -> bool:
        """See `Commits.ready`."""
        if self._connection is None:
            return False
        try:
            await self._ask(RequestKind.STATUS, b"", _STATUS_TIMEOUT_S)
        except OperatingError:
            return False
        return True

    async def _ask(self, kind: RequestKind, payload: bytes, timeout_s: float) -> Any:
        self._last_request_id += 1
        request_id = self._last_request_id
        question = _Question(request_id, kind, payload, self._tasks.promise())
        self._waiting[request_id] = question
        if self._connection is not None:
            # `_run` notices a lost connection as well, and sends it again.
            with suppress(ConnectionLostError):
                self._connection.send(question.message(self._position))
        try:
            return await self._tasks.within(timeout_s, question.promise)
        except TimeoutError as error:
            raise CommitUnknownError("the node didn't answer in time") from error
        finally:
            self._waiting.pop(request_id, None)

    async def _run(self) -> None:
        while True:
            try:
                connection = await self._transport.connect(self._endpoint)
                try:
                    await self._use(connection)
                finally:
                    self._connection = None
                    connection.close()
            except ConnectionLostError:
                pass  # it restarts
            except UnknownFormatError as error:
                _logger.error("the node can't be talked to: %s", error)  # noqa: TRY400
            await self._tasks.sleep(_RECONNECT_DELAY_S)

    async def _use(self, connection: Connection) -> None:
        connection.send(encode_hello())
        messages = await connection.receive()
        self._position = check_hello(messages[0])
        self._connection = connection
        for question in list(self._waiting.values()):
            connection.send(question.message(self._position))
        messages = messages[1:]
        while True:
            for message in messages:
                self._settle(message)
            messages = await connection.receive()

    def _settle(self, answer: bytes) -> None:
        kind, request_id, payload = decode(answer)
        waiting = self._waiting.get(request_id)
        if waiting is None:
            return
        promise = waiting.promise
        if kind == AnswerKind.OUTCOME:
            try:
                self._position, encoded = split_position(payload)
                promise.set_result(decode_outcome(encoded))
            except (ConnectionLostError, MalformedOutcomeError) as error:
                promise.set_exception(CommitUnknownError(f"the node's answer is garbled: {error}"))
        elif kind == AnswerKind.STORAGE_FULL:
            promise.set_exception(StorageFullError(str(payload, "utf-8")))
        elif kind == AnswerKind.OVERLOADED:
            promise.set_exception(OverloadedError(str(payload, "utf-8")))
        elif kind in {AnswerKind.READY, AnswerKind.SYNCED}:
            promise.set_result(None)
        else:
            promise.set_exception(CommitUnknownError(str(payload, "utf-8")))
