"""Cuts the power at every moment of a recording, recovers from what may be left, and judges.

What must hold of every state that a cut, a ``kill -9`` or a refused sync may leave:

- the store opens;
- every answered operation is there, every other one is there whole or absent, and what a client
  has read before stays true (`tests.storage.claims`);
- every byte that a row names can be read and is verified, and rows agree with one another;
- the store takes new commits, and packed blobs can be compacted;
- and all of that again after a second cut, at any moment of the recovery or of what follows.
"""

from __future__ import annotations

import os
import random
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.simulation.bodies import make_body
from tests.storage.node import BUCKET_KEY, Layout, Wiring
from tests.storage.recording import Life, Moment, Recording
from tests.storage.survivors import (
    KILLED,
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
    from tests.storage.workloads import Workload

_SYNC_OF_FILE = re.compile(r"sync in \S+ #(\d+)")
_SECOND_CUT = Thoroughness(single_sectors=False, mixture_count=1, every_commit=False)
CUT_TWICE = frozenset({"put inline", "put blob", "rotation"})
NEW_KEY = "afterwards"
NEW_SIZE_BYTES = 100


class LostError(Exception):
    """A state that a crash may leave, and from which the store doesn't come back as promised."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How far a search goes.

    Attributes:
        kills: whether ``kill -9`` and refused syncs are tried too, each with a cut that follows.
        second_cut_rate, second_cut_rate_after_kill: of how many states the recovery, and what
            follows it, is cut as well.
        second_cut: how many states of each second cut are tried.
    """

    thoroughness: Thoroughness = field(default_factory=Thoroughness)
    kills: bool = True
    second_cut_rate: float = 0.0
    second_cut_rate_after_kill: float = 1.0
    second_cut: Thoroughness = _SECOND_CUT


def is_exhaustive() -> bool:
    """Whether there is time for everything."""
    return os.environ.get("RUCKET_STORAGE_EXHAUSTIVE", "") not in {"", "0"}


def default_plan(workload: Workload) -> Plan:
    """Every cut, and a second one of some recoveries."""
    is_cut_twice = workload.name in CUT_TWICE
    if not workload.has_few_sectors:
        # Each of their recoveries compacts, so that a second cut means hundreds of states. All
        # moments are cut, and one of their recoveries in a hundred; the long run cuts all again.
        return Plan(
            Thoroughness(single_sectors=False, mixture_count=1, every_commit=False),
            second_cut_rate=0.001,
            second_cut_rate_after_kill=0.02,
        )
    return Plan(
        Thoroughness(),
        second_cut_rate=0.1 if is_cut_twice else 0.01,
        second_cut_rate_after_kill=1.0 if is_cut_twice else 0.05,
    )


def exhaustive_plan(workload: Workload) -> Plan:
    """Every cut, and a second one of every recovery."""
    return Plan(
        Thoroughness(
            single_sectors=workload.has_few_sectors, mixture_count=20, index_count=1_000_000
        ),
        second_cut_rate=1.0,
    )


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

    @property
    def _may_lose(self) -> bool:
        return not self.layout.sync.is_always

    @property
    def _layout_alone(self) -> Layout:
        """That of a life with one client."""
        return replace(self.layout, is_interleaved=False)

    def go_through(self, recording: Recording) -> None:
        """Tries every moment.

        Raises:
            LostError: for the first state that breaks a promise.
        """
        for moment in recording.moments:
            self.cut_count += 1
            answered = recording.history.claims_at(moment.number)
            synced = recording.claims_after_loss(moment) if self._may_lose else answered
            for survivor, is_cut_again in self._survivors(recording.name, moment):
                claims = answered if survivor.label == KILLED else synced
                name = (
                    f"{recording.name}\n  cut before {moment.number}: {moment.what}"
                    f"\n  left: {survivor.label}"
                )
                self._try(name, survivor, claims, synced if is_cut_again else None)

    def _survivors(self, name: str, moment: Moment) -> Iterator[tuple[Survivor, bool]]:
        seed = f"{name}/{moment.number}"
        source = random.Random(seed)
        for survivor in after_power_cut(moment.image, self.plan.thoroughness, seed):
            yield survivor, source.random() < self.plan.second_cut_rate
        if not self.plan.kills:
            return
        is_cut_again = source.random() < self.plan.second_cut_rate_after_kill
        yield after_kill(moment.image), is_cut_again
        is_sync = _SYNC_OF_FILE.match(moment.what)
        if is_sync:
            for survivor in after_failed_sync(moment.image, int(is_sync[1])):
                yield survivor, True

    def _try(
        self, name: str, survivor: Survivor, claims: Claims, if_cut_again: Claims | None
    ) -> None:
        key = (fingerprint(survivor.image), hash(frozenset(claims.items())))
        if key in self._seen:
            return
        self._seen.add(key)
        self.state_count += 1
        life = Life(name, survivor.image, self.wiring, self._layout_alone, claims)
        if if_cut_again is not None:
            life.recording.if_cut = if_cut_again
            life.start_recording()
        recording = come_back(life, name, claims)
        if if_cut_again is None:
            return
        plan = Plan(self.plan.second_cut, kills=False)
        second = replace(self, plan=plan, state_count=0, cut_count=0)
        second.go_through(recording)
        self.state_count += second.state_count


def come_back(life: Life, name: str, claims: Claims) -> Recording:
    """Recovers, judges what is there, and commits something new.

    Raises:
        LostError: a promise is broken.
    """

    write_id = f"after {len(name)}"

    async def commit_something(life: Life) -> None:
        client = life.client()
        await client.put(NEW_KEY, write_id, NEW_SIZE_BYTES)
        await client.compact()

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
