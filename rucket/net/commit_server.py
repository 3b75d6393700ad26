"""The node's side of the commit protocol."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from rucket.model.errors import OperatingError, OverloadedError, StorageFullError
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
from rucket.state.outcomes import Outcome, encode_outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from rucket.ports.transport import Listener, Transport


class CommitSink(Protocol):
    """Where commands go (`rucket.store.store.Store`)."""

    applied_sequence_number: int
    """How far the log has been applied."""

    def submit(
        self,
        payload: bytes,
        done: Callable[[Outcome | OperatingError], None],
        first_sent_at: int | None = None,
    ) -> None:
        """Takes an encoded command; calls `done` once, with what became of it or why it wasn't
        taken. One that was sent before, when the log had been applied up to `first_sent_at`, isn't
        carried out a second time.
        """
        ...

    def request_sync(self, done: Callable[[OperatingError | None], None]) -> None:
        """Calls `done` once, when everything that the index shows now survives a power cut, or
        with why that can't be said.
        """
        ...

    def is_ready(self) -> bool:
        """Whether commands are taken."""
        ...


class CommitServer:
    """Answers the gateways of this node."""

    def __init__(self, sink: CommitSink, transport: Transport) -> None:
        self._sink = sink
        self._transport = transport

    async def listen(self, endpoint: str) -> Listener:
        """Takes connections from now on."""
        return await self._transport.listen(endpoint, self._serve)

    async def _serve(self, connection: Connection) -> None:
        messages = await connection.receive()
        connection.send(encode_hello(self._sink.applied_sequence_number))
        check_hello(messages[0])
        messages = messages[1:]
        while True:
            for message in messages:
                self._answer(message, connection)
            messages = await connection.receive()

    def _answer(self, message: bytes, connection: Connection) -> None:
        kind, request_id, payload = decode(message)
        if kind == RequestKind.COMMIT:
            self._sink.submit(bytes(payload), self._reply(connection, request_id))
        elif kind == RequestKind.REPEATED_COMMIT:
            position, command = split_position(payload)
            self._sink.submit(bytes(command), self._reply(connection, request_id), position)
        elif kind == RequestKind.SYNC:
            self._sink.request_sync(_SyncReply(connection, request_id))
        elif kind == RequestKind.STATUS and self._sink.is_ready():
            connection.send(encode(AnswerKind.READY, request_id))
        else:
            connection.send(encode(AnswerKind.REFUSED, request_id, b"not ready"))

    def _reply(self, connection: Connection, request_id: int) -> _Reply:
        return _Reply(self._sink, connection, request_id)


class _Reply:
    """Sends the answer to one commit."""

    __slots__ = ("_connection", "_request_id", "_sink")

    def __init__(self, sink: CommitSink, connection: Connection, request_id: int) -> None:
        self._sink = sink
        self._connection = connection
        self._request_id = request_id

    def __call__(self, outcome: Outcome | OperatingError) -> None:
        if isinstance(outcome, OperatingError):
            answer = encode(_refusal_kind(outcome), self._request_id, str(outcome).encode())
        else:
            position = encode_position(self._sink.applied_sequence_number)
            payload = position + encode_outcome(outcome)
            answer = encode(AnswerKind.OUTCOME, self._request_id, payload)
        # A gateway that is gone will ask again over a new connection, with the same commit id.
        with suppress(ConnectionLostError):
            self._connection.send(answer)


class _SyncReply:
    """Sends the answer to one sync."""

    __slots__ = ("_connection", "_request_id")

    def __init__(self, connection: Connection, request_id: int) -> None:
        self._connection = connection
        self._request_id = request_id

    def __call__(self, failure: OperatingError | None) -> None:
        if failure is None:
            answer = encode(AnswerKind.SYNCED, self._request_id)
        else:
            answer = encode(AnswerKind.REFUSED, self._request_id, str(failure).encode())
        with suppress(ConnectionLostError):
            self._connection.send(answer)


def _refusal_kind(error: OperatingError) -> AnswerKind:
    if isinstance(error, StorageFullError):
        return AnswerKind.STORAGE_FULL
    if isinstance(error, OverloadedError):
        return AnswerKind.OVERLOADED
    return AnswerKind.REFUSED
