"""The checker of the simulation: what it accepts and what it refuses."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rucket_platform.histories.history import Answer, Kind, Operation
from rucket_platform.histories.linearizability import ConsistencyError, check_key

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


def test_hundreds_of_operations_without_an_answer_are_decided() -> None:
    """A server that is down for a second leaves that many; none of them widens the search."""
    steps = [unknown(W, f"lost-{number}", number / 1000) for number in range(300)]
    steps += [unknown(D, None, number / 1000) for number in range(200)]
    steps += [
        step
        for number in range(60)
        for step in (
            done(W, f"kept-{number}", 10 + number, 10.2 + number),
            done(R, f"kept-{number}", 10.3 + number, 10.5 + number),
            refused("other", 10.35 + number, 10.6 + number),
        )
    ]
    check(steps)
    with pytest.raises(ConsistencyError):
        check([*steps, done(R, "kept-3", 200, 201)])


def explained_by_trying(operations: list[Operation]) -> bool:
    """Whether some order explains a history: all are tried."""
    unanswered = [o for o in operations if o.answer is Answer.UNKNOWN]
    answered = [o for o in operations if o.answer is not Answer.UNKNOWN]
    for count in range(len(unanswered) + 1):
        for happened in itertools.combinations(unanswered, count):
            for order in itertools.permutations([*answered, *happened]):
                if keeps_time(order) and explains(order):
                    return True
    return False


def keeps_time(order: tuple[Operation, ...]) -> bool:
    """Whether none comes before one that had ended when it began."""
    return not any(
        later.ended_s < earlier.started_s
        for position, earlier in enumerate(order)
        for later in order[position + 1 :]
    )


def explains(order: tuple[Operation, ...]) -> bool:
    """Whether one after the other they could have had their answers."""
    now: str | None = None
    for operation in order:
        (value,) = operation.values
        if operation.kind is R:
            if now != value:
                return False
        elif operation.kind is C and operation.answer is Answer.REFUSED:
            if now is None:
                return False
        elif operation.kind is C:
            if now is not None:
                return False
            now = value
        else:
            now = value
    return True


@st.composite
def histories(draw: st.DrawFn) -> list[Operation]:
    """A few operations on one key, with few values and moments, so that they meet."""
    operations = []
    for number in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from([W, C, D, R]))
        started_s = draw(st.integers(0, 5))
        answer = Answer.DONE if kind is R else draw(st.sampled_from(list(Answer)))
        if answer is Answer.REFUSED and kind is not C:
            answer = Answer.DONE
        ended_s = math.inf if answer is Answer.UNKNOWN else started_s + draw(st.integers(1, 4))
        if kind is D:
            value = None
        elif kind is R:
            value = draw(st.sampled_from([None, "0", "1", "2", "3"]))
        else:
            value = str(number)
        operations.append(Operation("client", "key", kind, (value,), started_s, ended_s, answer))
    return operations


@settings(max_examples=400, deadline=None)
@given(histories())
def test_the_search_finds_an_order_exactly_where_there_is_one(operations: list[Operation]) -> None:
    """What it leaves out to be fast never changes its answer."""
    try:
        check_key("key", operations)
        found = True
    except ConsistencyError:
        found = False
    assert found == explained_by_trying(operations)
