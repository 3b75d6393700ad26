"""`storage.sync.data` other than `always`: what a power cut may take lies within the window.

The log is synced before every answer here, so that it names blobs that a cut may have damaged. At
every cut: a body that was answered before the window is there; one within it is there, or what is
left of it is found out; nothing else is ever read; and the store goes on, compaction included. Each
sync is left out in turn, and that is caught. Source: docs/consistency.md, `storage.sync.data`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from rucket.model.errors import CorruptionError, OperatingError
from rucket.store.sync_strategy import SyncMode, SyncStrategy
from tests.simulation.bodies import make_body
from tests.storage.node import Layout, Wiring
from tests.storage.power_cuts import NEW_KEY, NEW_SIZE_BYTES, is_exhaustive
from tests.storage.recording import Life, Moment, Recording
from tests.storage.survivors import Thoroughness, after_kill, after_power_cut, fingerprint
from tests.storage.sync_sites import Site, SyncWatcher, sites_in_source
from tests.storage.workloads import Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.storage.claims import Body, Claims, Effect

_PACKED = 1500
_FILE = 9000
_STEP_S = 0.02
_PAUSE_S = 0.07
_GOES_ON_EVERY = 8
_THOROUGHNESS = Thoroughness(single_sectors=False, mixture_count=1, every_commit=False)

_PERIODIC = SyncStrategy(SyncMode.PERIODIC, period_s=0.1)
_THRESHOLD = SyncStrategy(SyncMode.THRESHOLD, threshold_operations=3, idle_s=0.2)
_NEVER = SyncStrategy(SyncMode.NEVER)


async def _puts(life: Life) -> None:
    """Of both kinds, some replaced or deleted, with garbage and compaction in between."""
    client, sleep = life.client(), life.node.tasks.sleep
    for number in range(4):
        await client.put(f"p{number}", f"p{number}", _PACKED)
        await client.put(f"f{number % 2}", f"f{number}", _FILE)
        await sleep(_PAUSE_S)
    await client.put("p0", "p0x", _PACKED)
    await client.delete("p1")
    await client.delete("p2")
    await client.collect_garbage()
    await client.compact()
    await client.put("p3", "p3x", _PACKED)
    await client.compact()


async def _puts_then_stop(life: Life) -> None:
    """The same, with what a gateway does at its end."""
    await _puts(life)
    await _stop(life)


async def _stop(life: Life) -> None:
    for late in life.node.late_syncs:
        await life.node.tasks.run_blocking(late.sync)


async def _puts_and_pause(life: Life) -> None:
    """The same, and then nothing for long enough."""
    await _puts(life)
    await life.node.tasks.sleep(10 * _PAUSE_S)


async def _two_gateways(life: Life) -> None:
    """Puts beside one another."""

    async def put_some(gateway: int) -> None:
        client = life.client(gateway)
        for number in range(4):
            await client.put(f"g{gateway}-{number}", f"g{gateway}-{number}", _PACKED)
            await client.put(f"h{gateway}", f"h{gateway}-{number}", _FILE)

    spawn = life.node.tasks.spawn
    for task in [spawn(put_some(gateway), "puts") for gateway in (0, 1)]:
        await task


def _workload(name: str, script: Callable[[Life], object], layout: Layout) -> Workload:
    return Workload(name, script, layout=layout, has_few_sectors=False)  # type: ignore[arg-type]


def _layout(strategy: SyncStrategy) -> Layout:
    return Layout(64 * 1024, packed_size_bytes_max=8192, data_sync=strategy)


WORKLOADS = {
    workload.name: workload
    for workload in (
        _workload("periodic", _puts_and_pause, _layout(_PERIODIC)),
        _workload("threshold", _puts_and_pause, _layout(_THRESHOLD)),
        _workload("never", _puts_then_stop, _layout(_NEVER)),
        _workload(
            "threshold, two gateways",
            _two_gateways,
            Layout(
                64 * 1024,
                gateway_count=2,
                is_interleaved=True,
                packed_size_bytes_max=8192,
                data_sync=_THRESHOLD,
            ),
        ),
    )
}


class WindowError(Exception):
    """Something is lost that was safe, or something is read that was never written."""


@dataclass(frozen=True, slots=True)
class _Window:
    """Says which writes a cut may take."""

    strategy: SyncStrategy
    recording: Recording
    gateway_count: int

    def may_take(self, effect: Effect, moment: Moment) -> bool:
        if effect.ended > moment.number:
            return True
        answered = [
            other
            for other in self.recording.history.effects
            if other.body is not None and effect.ended <= other.ended <= moment.number
        ]
        match self.strategy.mode:
            case SyncMode.PERIODIC:
                answered_s = self.recording.moments[int(effect.ended)].now_s
                return moment.now_s - answered_s <= 2 * self.strategy.period_s + 3 * _STEP_S
            case SyncMode.THRESHOLD:
                # Of each process: the gateways have as much each.
                return len(answered) <= 2 * self.strategy.threshold_operations * self.gateway_count
            case _:
                return moment.what != "the end"


def _judge(
    workload: Workload, wiring: Wiring, recording: Recording, moments: Sequence[Moment]
) -> int:
    """Tries the cuts at some moments; returns how many times something had been lost.

    Raises:
        WindowError: more than the window allows.
    """
    layout = workload.layout
    window = _Window(layout.data_sync, recording, layout.gateway_count)
    lost_count = 0
    seen: set[tuple[int, int]] = set()
    for moment in moments:
        claims = recording.history.claims_at(moment.number)
        for survivor in after_power_cut(moment.image, _THOROUGHNESS, moment.number):
            state = (fingerprint(survivor.image), hash(frozenset(claims.items())))
            if state in seen and moment.what != "the end":
                continue
            seen.add(state)
            life = _recovered(workload, wiring, survivor.image)
            for key, allowed in claims.items():
                body = _read(life, key)
                where = f"{key} before {moment.number} ({moment.what}), {survivor.label}"
                if isinstance(body, OperatingError | FileNotFoundError):
                    lost_count += 1
                    _check_lost(window, moment, (key, allowed), where)
                elif body not in allowed:
                    raise WindowError(f"{where}: {body!r} was read")
            if is_exhaustive() or len(seen) % _GOES_ON_EVERY == 0:
                _go_on(life)
    return lost_count


def _recovered(workload: Workload, wiring: Wiring, image: object) -> Life:
    alone = Layout(
        64 * 1024, packed_size_bytes_max=8192, data_sync=workload.layout.data_sync, gateway_count=1
    )
    life = Life("recovered", image, wiring, alone, {})  # type: ignore[arg-type]
    life.node.recover()
    return life


def _read(life: Life, key: str) -> Body | OperatingError | FileNotFoundError:
    try:
        return life.node.read_one(key)
    except (CorruptionError, FileNotFoundError) as error:
        return error


def _check_lost(
    window: _Window, moment: Moment, claim: tuple[str, frozenset[Body]], where: str
) -> None:
    key, allowed = claim
    possible = [
        effect
        for effect in window.recording.history.effects
        if effect.key == key and effect.body in allowed
    ]
    if not any(window.may_take(effect, moment) for effect in possible):
        raise WindowError(f"{where}: it is lost, and was safe")


def _go_on(life: Life) -> None:
    """Damage keeps nobody from writing, reading and compacting."""
    if life.node.read_one("bucket:") is None:
        return

    async def write(life: Life) -> None:
        client = life.client()
        await client.put(NEW_KEY, "new", NEW_SIZE_BYTES)
        await client.put(f"{NEW_KEY}, packed", "new", _PACKED)
        await client.compact()
        await _stop(life)

    life.run(write)
    for key, size_bytes in ((NEW_KEY, NEW_SIZE_BYTES), (f"{NEW_KEY}, packed", _PACKED)):
        if life.node.read_one(key) != make_body("new", size_bytes):
            raise WindowError(f"{key} isn't there")


@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=WORKLOADS.keys())
def test_a_power_cut_takes_no_more_than_the_window(workload: Workload) -> None:
    """What it takes is found out, what was answered before the window is there, and the store goes
    on.
    """
    recording = workload.record()

    lost_count = _judge(workload, Wiring(), recording, recording.moments)

    assert lost_count > 0, "a power cut loses something"


@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=WORKLOADS.keys())
def test_kill_takes_nothing(workload: Workload) -> None:
    """What was written is the kernel's, under every strategy."""
    recording = workload.record()

    for moment in recording.moments:
        life = _recovered(workload, Wiring(), after_kill(moment.image).image)
        seen: Claims = recording.history.claims_at(moment.number)

        assert all(life.node.read_one(key) in bodies for key, bodies in seen.items())


SITES = sites_in_source("store/blobs/late_sync.py")


def test_every_sync_is_known() -> None:
    """File and name of a blob of its own; a segment goes through its group."""
    assert {site.call for site in SITES} == {"sync_data", "sync_directory"}


@pytest.mark.parametrize("site", SITES, ids=map(str, SITES))
def test_a_sync_that_is_left_out_is_caught(site: Site) -> None:
    """More is lost than the window allows."""

    def decide(here: Site, call: Callable[[], None]) -> None:
        if here != site:
            call()

    wiring = Wiring(disk=lambda disk: SyncWatcher(disk, decide))
    recording = WORKLOADS["never"].record(wiring)

    with pytest.raises(WindowError, match="is lost"):
        _judge(WORKLOADS["never"], wiring, recording, recording.moments[-1:])


def test_a_group_that_is_not_synced_is_caught() -> None:
    """A segment of packed blobs is lost as a whole."""

    def decide(here: Site, call: Callable[[], None]) -> None:
        if "GroupSync" not in here.function:
            call()

    wiring = Wiring(disk=lambda disk: SyncWatcher(disk, decide))
    recording = WORKLOADS["never"].record(wiring)

    with pytest.raises(WindowError, match="is lost"):
        _judge(WORKLOADS["never"], wiring, recording, recording.moments[-1:])
