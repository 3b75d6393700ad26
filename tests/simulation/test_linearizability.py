"""The checker of the simulation: what it accepts and what it refuses."""

from __future__ import annotations

import math

import pytest

from tests.simulation.history import Answer, Kind, Operation
from tests.simulation.linearizability import ConsistencyError, check_key

W, C, D, R = Kind.WRITE, Kind.CREATE, Kind.DELETE, Kind.READ

Step = tuple[Kind, str | None, float, float, Answer]


def done(kind: Kind, value: str | None, start: float, end: float) -> Step:
    """An operation that was acknowledged, or a read."""
    return (kind, value, start, end, Answer.DONE)


def unknown(kind: Kind, value: str | None, start: float) -> Step:
    """An operation without an answer."""
    return (kind, value, start, math.inf, Answer.UNKNOWN)


def refused(value: str, start: float, end: float) -> Step:
    """A conditional create that found something."""
    return (C, value, start, end, Answer.REFUSED)


def check(steps: list[Step]) -> None:
    """Checks a history of one key."""
    check_key(
        "key",
        [
            Operation("client", "key", kind, (value,), start, end, answer)
            for kind, value, start, end, answer in steps
        ],
    )


ACCEPTED = {
    "read of what was written": [done(W, "a", 0, 1), done(R, "a", 2, 3)],
    "read during a write, old": [done(W, "a", 0, 1), done(W, "b", 2, 5), done(R, "a", 3, 4)],
    "read during a write, new": [done(W, "a", 0, 1), done(W, "b", 2, 5), done(R, "b", 3, 4)],
    "unknown write happened": [unknown(W, "a", 0), done(R, "a", 2, 3)],
    "unknown write did not happen": [unknown(W, "a", 0), done(R, None, 2, 3)],
    "unknown write happens late": [
        unknown(W, "a", 0),
        done(R, None, 1, 2),
        done(W, "b", 2, 3),
        done(R, "a", 4, 5),
    ],
    "unknown delete happened": [done(W, "a", 0, 1), unknown(D, None, 2), done(R, None, 3, 4)],
    "second create refused": [done(C, "a", 0, 5), refused("b", 1, 4), done(R, "a", 6, 7)],
    "create refused because of an unknown one": [unknown(C, "a", 0), refused("b", 1, 2)],
}

REFUSED = {
    "acknowledged write lost": [done(W, "a", 0, 1), done(R, None, 2, 3)],
    "acknowledged delete undone": [
        done(W, "a", 0, 1),
        done(D, None, 2, 3),
        done(R, "a", 4, 5),
    ],
    "old value comes back": [
        done(W, "a", 0, 1),
        done(W, "b", 2, 3),
        done(R, "a", 4, 5),
    ],
    "what was read is gone": [unknown(W, "a", 0), done(R, "a", 1, 2), done(R, None, 3, 4)],
    "new, then old, during one write": [
        done(W, "a", 0, 1),
        done(W, "b", 2, 9),
        done(R, "b", 3, 4),
        done(R, "a", 5, 6),
    ],
    "value from nowhere": [done(W, "a", 0, 1), done(R, "z", 2, 3)],
    "two creates won": [done(C, "a", 0, 5), done(C, "b", 1, 4)],
    "create refused without reason": [refused("b", 1, 2)],
}


@pytest.mark.parametrize("steps", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_explicable_history_is_accepted(steps: list[Step]) -> None:
    """A history that some order explains raises nothing."""
    check(steps)


@pytest.mark.parametrize("steps", REFUSED.values(), ids=REFUSED.keys())
def test_inexplicable_history_is_refused(steps: list[Step]) -> None:
    """A history that no order explains is refused, with the operation that shows it."""
    with pytest.raises(ConsistencyError, match="nothing explains"):
        check(steps)
