"""Cuts the power at every moment of a recording, recovers from what may be left, and judges.

What must hold of every state that a cut, a ``kill -9`` or a refused sync may leave:

- the store opens;
- every answered operation is there, every other one is there whole or absent, and what a client
  has read before stays true (`tests.storage.claims`);
- every byte that a row names can be read and is verified, and rows agree with one another;
- the store takes new commits;
- and all of that again after a second cut, at any moment of the recovery or of what follows.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.simulation.bodies import make_body
from tests.storage.node import BUCKET_KEY, Layout, Wiring
from tests.storage.recording import Life, Moment, Recording
from tests.storage.survivors import (
    Survivor,
    Thoroughness,
    after_failed_sync,
    after_kill,
    after_power_cut,
    fingerprint,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.storage.claims import Body, Claims

_SYNC_OF_FILE = re.compile(r"sync in \S+ #(\d+)")
_SECOND_CUT = Thoroughness(single_sectors=False, mixture_count=1)
NEW_KEY = "afterwards"
NEW_SIZE_BYTES = 100


class LostError(Exception):
    """A state that a crash may leave, and from which the store doesn't come back as promised."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How far a search goes.

    Attributes:
        kills: whether ``kill -9`` and refused syncs are tried too, each with a cut that follows.
        second_cut_rate: of how many states the recovery is cut as well.
    """

    thoroughness: Thoroughness = field(default_factory=Thoroughness)
    kills: bool = True
    second_cut_rate: float = 0.0


@dataclass(slots=True)
class Search:
    """Goes through the states of recordings.

    Attributes:
        state_count: how many different states were recovered from.
        cut_count: at how many moments.
    """

    wiring: Wiring
    layout: Layout
    plan: Plan
    state_count: int = 0
    cut_count: int = 0
    _seen: set[tuple[int, int]] = field(default_factory=set)

    def go_through(self, recording: Recording) -> None:
        """Tries every moment.

        Raises:
            LostError: for the first state that breaks a promise.
        """
        for moment in recording.moments:
            self.cut_count += 1
            claims = recording.history.claims_at(moment.number)
            for survivor, is_cut_again in self._survivors(recording.name, moment):
                name = (
                    f"{recording.name}\n  cut before {moment.number}: {moment.what}"
                    f"\n  left: {survivor.label}"
                )
                self._try(name, survivor, claims, is_cut_again=is_cut_again)

    def _survivors(self, name: str, moment: Moment) -> Iterator[tuple[Survivor, bool]]:
        seed = f"{name}/{moment.number}"
        source = random.Random(seed)
        for survivor in after_power_cut(moment.image, self.plan.thoroughness, seed):
            yield survivor, source.random() < self.plan.second_cut_rate
        if not self.plan.kills:
            return
        yield after_kill(moment.image), True
        is_sync = _SYNC_OF_FILE.match(moment.what)
        if is_sync:
            for survivor in after_failed_sync(moment.image, int(is_sync[1])):
                yield survivor, True

    def _try(self, name: str, survivor: Survivor, claims: Claims, *, is_cut_again: bool) -> None:
        key = (fingerprint(survivor.image), hash(frozenset(claims.items())))
        if key in self._seen:
            return
        self._seen.add(key)
        self.state_count += 1
        recording = come_back(name, survivor, claims, self.wiring, self.layout)
        if not is_cut_again:
            return
        plan = Plan(_SECOND_CUT, kills=False)
        second = replace(self, plan=plan, state_count=0, cut_count=0)
        second.go_through(recording)
        self.state_count += second.state_count


def come_back(
    name: str, survivor: Survivor, claims: Claims, wiring: Wiring, layout: Layout
) -> Recording:
    """Recovers from a state, judges it, and commits something new.

    Raises:
        LostError: a promise is broken.
    """
    layout = replace(layout, is_interleaved=False)
    life = Life(name, survivor.image, wiring, layout, claims)
    life.start_recording()

    write_id = f"after {len(name)}"

    async def commit_something(life: Life) -> None:
        await life.client().put(NEW_KEY, write_id, NEW_SIZE_BYTES)

    try:
        life.node.recover()
        seen = life.observe(sorted(claims))
        _compare(seen, claims)
        if seen.get(BUCKET_KEY):
            life.run(commit_something)
            new = frozenset({make_body(write_id, NEW_SIZE_BYTES)})
            unchanged = {key: frozenset({body}) for key, body in seen.items()}
            _compare(life.observe(sorted({*claims, NEW_KEY})), {**unchanged, NEW_KEY: new})
        return life.end()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise LostError(f"{name}\n  {type(error).__name__}: {error}") from error


def _compare(seen: dict[str, Body], claims: Claims) -> None:
    for key, body in seen.items():
        if body not in claims[key]:
            allowed = ", or ".join(map(_short, claims[key]))
            raise LostError(f"{key} is {_short(body)}, and has to be {allowed}")


def _short(body: Body) -> str:
    return "absent" if body is None else f"{body[:24].decode()} ({len(body)} bytes)"
