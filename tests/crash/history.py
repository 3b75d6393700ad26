"""What clients were told, key by key, and what a read may return because of it.

Each key has one writer, so its operations have an order. Before the first read after a crash a key
may hold the value of the newest acknowledged operation, or that of any operation begun after it
whose answer never came. Once a read has shown a value, that value is as good as acknowledged: what
was read stays true.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Value:
    """What a key holds: the operation that wrote it and how large it is; None: nothing."""

    operation: int
    size_bytes: int

    def body(self, key: str) -> bytes:
        """The bytes: they say which operation of which key they belong to, all along."""
        seed = hashlib.sha256(f"{key}#{self.operation}".encode()).digest()
        return (seed * (self.size_bytes // len(seed) + 1))[: self.size_bytes]


@dataclass(slots=True)
class KeyHistory:
    """What is known of one key."""

    key: str
    acknowledged: Value | None = None
    unknown: list[Value | None] = field(default_factory=list)

    def begin(self, value: Value | None) -> None:
        """An operation is sent: from now on its value may be there."""
        self.unknown.append(value)

    def acknowledge(self, value: Value | None) -> None:
        """The newest operation was answered with success."""
        self.acknowledged = value
        self.unknown.clear()

    def refuse(self) -> None:
        """The newest operation was answered with a refusal: it didn't happen."""
        self.unknown.pop()

    def admissible(self) -> list[Value | None]:
        """What a read may return."""
        return [self.acknowledged, *self.unknown]

    def observe(self, body: bytes | None) -> str | None:
        """Compares what a read returned, and remembers it.

        Returns:
            What is wrong; None if nothing is.
        """
        for value in self.admissible():
            expected = None if value is None else value.body(self.key)
            if body == expected:
                self.acknowledge(value)
                return None
        seen = "nothing" if body is None else f"{len(body)} bytes, {hashlib.md5(body).hexdigest()}"
        return f"{self.key} holds {seen}; admissible: {self.admissible()}"
