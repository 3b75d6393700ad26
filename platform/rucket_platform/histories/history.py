"""What clients did and saw, each operation with the moments between which it took effect."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, field


class Kind(enum.Enum):
    """What an operation does to the value of a key."""

    WRITE = "write"
    CREATE = "create if absent"
    DELETE = "delete"
    READ = "read"


class Answer(enum.Enum):
    """How an operation ended, as its client knows."""

    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Operation:
    """One operation on one key.

    Attributes:
        values: of a write or create, the one that it writes; of a read, those it may have seen;
            None stands for no object.
        started_s: when its client sent it.
        ended_s: when its client had the answer; never, where the answer is unknown.
    """

    client: str
    key: str
    kind: Kind
    values: tuple[str | None, ...]
    started_s: float
    ended_s: float = math.inf
    answer: Answer = Answer.UNKNOWN

    def __str__(self) -> str:
        """One line for people."""
        return (
            f"{self.started_s:.6f}..{self.ended_s:.6f} {self.client} {self.kind.value} {self.key} "
            f"{'|'.join(str(value) for value in self.values)}: {self.answer.value}"
        )


@dataclass(slots=True)
class History:
    """All operations of a run, in the order in which they were started."""

    operations: list[Operation] = field(default_factory=list)

    def start(
        self, client: str, key: str, kind: Kind, value: str | None, now_s: float
    ) -> Operation:
        """Notes an operation that is being sent."""
        operation = Operation(client, key, kind, (value,), now_s)
        self.operations.append(operation)
        return operation

    def forget(self, operation: Operation) -> None:
        """Takes an operation out that never reached a server."""
        self.operations.remove(operation)

    def read(
        self,
        client: str,
        key: str,
        values: tuple[str | None, ...],
        started_s: float,
        ended_s: float,
    ) -> None:
        """Notes what was seen at some moment between two."""
        self.operations.append(
            Operation(client, key, Kind.READ, values, started_s, ended_s, Answer.DONE)
        )

    def by_key(self) -> dict[str, list[Operation]]:
        """The operations on each key."""
        keys: dict[str, list[Operation]] = {}
        for operation in self.operations:
            keys.setdefault(operation.key, []).append(operation)
        return keys
