"""Listings against the history of the keys they cover."""

import math

import pytest

from rucket_platform.histories.history import Answer, Kind, Operation
from rucket_platform.histories.listing import Listing, listing_problems

W, D = Kind.WRITE, Kind.DELETE


def operation(kind: Kind, start: float, end: float = math.inf) -> Operation:
    answer = Answer.UNKNOWN if end == math.inf else Answer.DONE
    value = "a" if kind is W else None
    return Operation("client", "k", kind, (value,), start, end, answer)


def problems(history: list[Operation], *keys: str) -> list[str]:
    """Of a listing from 10 to 11 s that shows `keys`."""
    return listing_problems([Listing("client", frozenset(keys), 10, 11)], {"k": history})


@pytest.mark.parametrize(
    ("history", "shown"),
    [
        ([operation(W, 1, 2)], True),
        ([], False),
        ([operation(W, 1, 2), operation(D, 3, 4)], False),
        ([operation(W, 1, 2), operation(D, 3, 4), operation(W, 5, 6)], True),
        ([operation(W, 12, 13)], False),
    ],
)
def test_a_key_whose_state_is_certain_has_to_be_shown_as_it_is(
    history: list[Operation],
    shown: bool,  # noqa: FBT001 -- a parameter
) -> None:
    """There throughout, or not there at any moment."""
    right, wrong = (("k",), ()) if shown else ((), ("k",))
    assert problems(history, *right) == []
    assert len(problems(history, *wrong)) == 1


@pytest.mark.parametrize(
    "history",
    [
        [operation(W, 1)],
        [operation(W, 10.5, 12)],
        [operation(W, 1, 2), operation(D, 3)],
        [operation(W, 1, 2), operation(D, 10.5, 12)],
        [operation(W, 1, 5), operation(D, 2, 6)],
    ],
)
def test_a_key_whose_state_is_open_may_be_shown_or_not(history: list[Operation]) -> None:
    """Writes and deletes under way, or without an answer."""
    assert problems(history, "k") == problems(history) == []


def test_a_key_that_nobody_wrote_is_a_problem() -> None:
    """Listings don't make keys up."""
    assert problems([operation(W, 1, 2)], "k", "ghost") == [
        "ghost, which nobody wrote, is in client's listing of 10.000..11.000 s"
    ]
