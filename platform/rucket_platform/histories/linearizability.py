"""Whether a history of one key could have come from one object that changes at moments.

Every answered operation takes effect at some moment between its start and its end; one without an
answer, at any moment after its start, or never. Crashes change nothing about that: what was
acknowledged or read stays true, and nothing comes back that was never there.

Going through starts and ends in time order, `check_key` keeps every *configuration* that explains
what has been seen: the value now, and which of the operations under way have taken effect.
Source: Lowe, "Testing for linearizability" (2017), just-in-time linearization.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket_platform.histories.history import Answer, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rucket_platform.histories.history import Operation

UNSEEN = "(one that nobody has read)"
CONFIGURATION_COUNT_MAX = 200_000


class ConsistencyError(Exception):
    """No order of the operations explains what the clients saw."""

    def __init__(self, key: str, operation: Operation, operations: Sequence[Operation]) -> None:
        lines = "\n  ".join(str(known) for known in operations)
        super().__init__(f"key {key}: nothing explains\n  {operation}\nin\n  {lines}")
        self.key = key
        self.operation = operation


class HistoryTooWideError(Exception):
    """Too many operations without an answer to decide."""


def check_key(key: str, operations: Sequence[Operation]) -> None:
    """Checks the operations on one key, which doesn't exist at first.

    Raises:
        ConsistencyError: they aren't linearizable.
    """
    search = _Search(operations)
    events = []
    for number, operation in enumerate(operations):
        events.append((operation.started_s, 1, number))
        if operation.answer is not Answer.UNKNOWN:
            # Of equal moments, a start comes first: the operations may have overlapped.
            events.append((operation.ended_s, 2, number))
    for _, what, number in sorted(events):
        if what == 1:
            search.start(number)
        elif not search.end(number):
            raise ConsistencyError(key, operations[number], operations)


class _Search:
    """The configurations that explain what has been seen so far.

    Of each it is known: the value, which answered operations under way have taken effect, and
    which of those that never were answered. The latter may take effect at any later moment or
    never, so a configuration that has used fewer of them can do all that one with more can: only
    the smallest sets are kept. And of those that would do the same, the oldest is used first:
    which one it was makes no difference. Without both, a server that is down for a second leaves
    more configurations than can be looked at.
    """

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._operations = operations
        self._values = _without_unseen(operations)
        self._answered: dict[int, None] = {}
        self._unanswered: dict[tuple[Kind, tuple[str | None, ...]], list[int]] = {}
        self._known: dict[tuple[str | None, frozenset[int]], list[frozenset[int]]] = {
            (None, frozenset()): [frozenset()]
        }

    def start(self, number: int) -> None:
        """From now on the operation may take effect."""
        operation = self._operations[number]
        if operation.answer is Answer.UNKNOWN:
            alike = (operation.kind, self._values[number])
            self._unanswered.setdefault(alike, []).append(number)
        else:
            self._answered[number] = None

    def end(self, wanted: int) -> bool:
        """By now the operation has taken effect; False where nothing explains that.

        Raises:
            HistoryTooWideError: there are too many configurations.
        """
        found: dict[tuple[str | None, frozenset[int]], list[frozenset[int]]] = {}
        seen = {state: list(used) for state, used in self._known.items()}
        to_do = [(state, used) for state, sets in self._known.items() for used in sets]
        count = 0
        while to_do:
            (value, effective), used = to_do.pop()
            if wanted in effective:
                _keep_smallest(found, (value, effective - {wanted}), used)
                continue
            for number, after in self._steps(value, effective, used):
                if number in self._answered:
                    state, used_after = (after, effective | {number}), used
                else:
                    state, used_after = (after, effective), used | {number}
                if _keep_smallest(seen, state, used_after):
                    to_do.append((state, used_after))
            count += 1
            if count > CONFIGURATION_COUNT_MAX:
                raise HistoryTooWideError(f"{len(self._answered)} operations are under way")
        del self._answered[wanted]
        self._known = found
        return bool(found)

    def _steps(
        self, value: str | None, effective: frozenset[int], used: frozenset[int]
    ) -> Iterator[tuple[int, str | None]]:
        """Each operation that can take effect now, with the value after it."""
        candidates = [number for number in self._answered if number not in effective]
        for alike in self._unanswered.values():
            unused = next((number for number in alike if number not in used), None)
            if unused is not None:
                candidates.append(unused)
        for number in candidates:
            for after in _effects(self._operations[number], self._values[number], value):
                yield number, after


def _keep_smallest(
    known: dict[tuple[str | None, frozenset[int]], list[frozenset[int]]],
    state: tuple[str | None, frozenset[int]],
    used: frozenset[int],
) -> bool:
    """Adds a configuration unless one that used no more is known; says whether it was added."""
    sets = known.setdefault(state, [])
    if any(smaller <= used for smaller in sets):
        return False
    sets[:] = [larger for larger in sets if not used <= larger]
    sets.append(used)
    return True


def _effects(
    operation: Operation, values: tuple[str | None, ...], now: str | None
) -> tuple[str | None, ...]:
    """The value after `operation` takes effect on `now`; nothing where it can't."""
    match operation.kind:
        case Kind.READ:
            return (now,) if now in values else ()
        case Kind.DELETE:
            return (None,)
        case Kind.WRITE:
            return values
        case Kind.CREATE if operation.answer is Answer.REFUSED:
            return () if now is None else (now,)
        case Kind.CREATE:
            return values if now is None else ()


def _without_unseen(operations: Sequence[Operation]) -> list[tuple[str | None, ...]]:
    """The operations' values; all those that no read mentions are the same one, which keeps the
    configurations few.
    """
    seen = {
        value
        for operation in operations
        if operation.kind is Kind.READ
        for value in operation.values
    }
    return [
        tuple(value if value in seen or value is None else UNSEEN for value in operation.values)
        for operation in operations
    ]
