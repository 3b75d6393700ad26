"""Short workloads: what is being done when the power goes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rucket.store.sync_strategy import SyncMode, SyncStrategy
from tests.storage.images import blank_image
from tests.storage.node import BUCKET_KEY, DIRECTORIES, Layout, Wiring
from tests.storage.recording import Life, Recording

if TYPE_CHECKING:
    from tests.storage.client import Client

Script = Callable[[Life], Awaitable[None]]

_INLINE = 100
_BLOB = 1500
_TWO_BLOCK_BLOB = 140_000
_STREAMED_BLOB = 1_400_000


async def _nothing(_: Life) -> None:
    return


@dataclass(frozen=True, slots=True)
class Workload:
    """What is recorded, after what was done before that.

    Attributes:
        script: is recorded.
        before: is done first, without being recorded, and is durable.
        is_first_start: whether even the first start is recorded.
        has_few_sectors: whether there is time to lose and keep each of them alone.
    """

    name: str
    script: Script
    before: Script = _nothing
    layout: Layout = field(default_factory=Layout)
    is_first_start: bool = False
    has_few_sectors: bool = True

    def record(self, wiring: Wiring | None = None) -> Recording:
        """Carries it out."""
        life = Life(
            self.name,
            blank_image(DIRECTORIES),
            wiring or Wiring(),
            self.layout,
            {BUCKET_KEY: frozenset({None})},
        )
        if self.is_first_start:
            life.start_recording()
        life.node.recover()

        async def live(life: Life) -> None:
            await life.client().make_bucket()
            await self.before(life)
            await life.node.store.sync()
            life.start_recording()
            await self.script(life)

        life.run(live)
        return life.end()


async def _first_start(life: Life) -> None:
    await life.client().put("first", "first", _INLINE)


async def _put_inline(life: Life) -> None:
    client = life.client()
    await client.put("a", "a1", _INLINE)
    await client.put("b", "b1", 0)
    await client.read("a")


async def _put_blob(life: Life) -> None:
    client = life.client()
    await client.put("a", "a1", _BLOB)
    await client.put("b", "b1", 4096)
    await client.read("b")


async def _put_large_blob(life: Life) -> None:
    await life.client().put("a", "a1", _TWO_BLOCK_BLOB)


async def _put_streamed_blob(life: Life) -> None:
    await life.client().put("a", "a1", _STREAMED_BLOB)


async def _before_overwrites(life: Life) -> None:
    client = life.client()
    await client.put("inline", "i0", _INLINE)
    await client.put("blob", "b0", _BLOB)
    await client.put("both", "x0", _BLOB)


async def _overwrite(life: Life) -> None:
    client = life.client()
    await client.put("inline", "i1", _BLOB)
    await client.put("blob", "b1", _INLINE)
    await client.put("both", "x1", _BLOB)
    await client.read("both")


async def _delete(life: Life) -> None:
    client = life.client()
    await client.delete("inline")
    await client.read("inline")
    await client.delete("blob")
    await client.put("blob", "b2", _INLINE)


async def _multipart(life: Life) -> None:
    client = life.client()
    upload = await client.create_upload("assembled")
    await client.put_part(upload, 1, "p1", _BLOB)
    await client.put_part(upload, 2, "p2", 700)
    await client.put_part(upload, 3, "p3", 600)
    await client.complete_upload(upload, [1, 2], [3])
    await client.read("assembled")


async def _rotation(life: Life) -> None:
    client = life.client()
    for number in range(7):
        await client.put(f"k{number % 3}", f"r{number}", _INLINE)


async def _fill_segments(life: Life) -> None:
    client = life.client()
    for number in range(8):
        await client.put(f"k{number % 3}", f"f{number}", _INLINE)


async def _checkpoint(life: Life) -> None:
    client = life.client()
    await client.put("k1", "c1", _INLINE)
    await client.checkpoint()
    await client.put("k2", "c2", _INLINE)
    await client.checkpoint()
    await client.put("k1", "c3", _INLINE)


async def _index_checkpoints(life: Life) -> None:
    client = life.client()
    await client.take_checkpoint()
    await client.put("k1", "c1", _INLINE)
    await client.checkpoint()
    await client.take_checkpoint()
    await client.checkpoint()
    await client.put("k2", "c2", _INLINE)
    await client.take_checkpoint()
    await client.checkpoint()


async def _garbage(life: Life) -> None:
    client = life.client()
    await client.put("blob", "b1", _INLINE)
    await client.delete("both")
    await client.collect_garbage()
    await client.put("blob", "b2", _BLOB)
    await client.collect_garbage()


async def _copy(life: Life) -> None:
    client = life.client()
    await client.copy("blob", "copied")
    await client.delete("blob")
    await client.collect_garbage()
    await client.delete("copied")
    await client.collect_garbage()
    await client.put("blob", "b3", _INLINE)


async def _two_gateways(life: Life) -> None:
    async def first(client: Client) -> None:
        await client.put("both", "x1", _BLOB)
        await client.put("mine", "m1", _INLINE)
        await client.read("both")
        await client.delete("inline")

    async def second(client: Client) -> None:
        await client.put("both", "x2", _INLINE)
        await client.put("both", "x3", _BLOB)
        await client.read("inline")
        await client.put("yours", "y1", _BLOB)

    async def upkeep(client: Client) -> None:
        for _ in range(4):
            await client.checkpoint()
            await client.collect_garbage()

    spawn = life.node.tasks.spawn
    running = [
        spawn(first(life.client(0)), "first"),
        spawn(second(life.client(1)), "second"),
        spawn(upkeep(life.client(0)), "upkeep"),
    ]
    for task in running:
        await task


async def _checkpoints_beside_writes(life: Life) -> None:
    async def write(client: Client, key: str) -> None:
        for number in range(6):
            await client.put(key, f"{key}{number}", _INLINE)

    async def checkpoint(client: Client) -> None:
        for _ in range(6):
            await client.checkpoint()

    spawn = life.node.tasks.spawn
    running = [
        spawn(write(life.client(), "a"), "first"),
        spawn(write(life.client(), "b"), "second"),
        spawn(checkpoint(life.client()), "checkpoints"),
    ]
    for task in running:
        await task


async def _trickle(life: Life) -> None:
    client = life.client()
    for number in range(6):
        await client.put(f"k{number % 3}", f"t{number}", _INLINE)
        await client.read("k0")
        await life.node.tasks.sleep(0.03)


async def _bursts(life: Life) -> None:
    spawn = life.node.tasks.spawn
    for burst in range(2):
        running = [
            spawn(life.client().put(f"k{number}", f"b{burst}-{number}", _INLINE), "put")
            for number in range(5)
        ]
        for task in running:
            await task
    await life.node.tasks.sleep(0.5)
    await life.client().put("k0", "after a pause", _BLOB)


async def _checkpoint_in_between(life: Life) -> None:
    client = life.client()
    await client.put("k1", "c1", _INLINE)
    await client.put("k2", "c2", _INLINE)
    await client.checkpoint()
    await client.put("k1", "c3", _INLINE)
    await client.delete("k2")


async def _before_packed_overwrites(life: Life) -> None:
    client = life.client()
    for number in range(5):
        await client.put(f"p{number}", f"p{number}", _BLOB)
    await client.checkpoint()


async def _put_packed(life: Life) -> None:
    client = life.client()
    await client.put("a", "a1", _BLOB)
    await client.put("b", "b1", 6000)
    await client.put("a", "a2", _BLOB)
    await client.put("c", "c1", _BLOB)
    await client.read("c")


async def _packed_garbage(life: Life) -> None:
    client = life.client()
    await client.put("p0", "p0x", _INLINE)
    await client.delete("p1")
    await client.collect_garbage()
    await client.put("p2", "p2x", _BLOB)
    await client.collect_garbage()


async def _compaction(life: Life) -> None:
    client = life.client()
    await client.delete("p0")
    await client.delete("p2")
    await client.collect_garbage()
    await client.compact()
    await client.read("p1")
    await client.put("p1", "p1x", _BLOB)


async def _before_second_compaction(life: Life) -> None:
    await _before_packed_overwrites(life)
    client = life.client()
    for number in (0, 2):
        await client.delete(f"p{number}")
    await client.collect_garbage()
    await client.compact()
    await client.checkpoint()


async def _second_compaction(life: Life) -> None:
    client = life.client()
    await client.delete("p1")
    await client.collect_garbage()
    await client.compact()
    await client.read("p3")
    await client.delete("p3")
    await client.collect_garbage()
    await client.compact()


async def _before_compaction_beside_writes(life: Life) -> None:
    await _before_packed_overwrites(life)
    client = life.client()
    await client.delete("p0")
    await client.collect_garbage()
    await client.checkpoint()


async def _compaction_beside_writes(life: Life) -> None:
    async def write(client: Client) -> None:
        await client.put("p1", "p1w", _BLOB)
        await client.read("p1")
        await client.delete("p2")

    async def upkeep(client: Client) -> None:
        await client.collect_garbage()
        await client.compact()
        await client.collect_garbage()

    spawn = life.node.tasks.spawn
    running = [
        spawn(write(life.client(0)), "writes"),
        spawn(life.client(1).put("p3", "p3w", _BLOB), "put"),
        spawn(upkeep(life.client(0)), "upkeep"),
    ]
    for task in running:
        await task


_PACKED = Layout(packed_size_bytes_max=8192)
_TINY = Layout(segment_size_bytes=12 * 1024)
_PERIODIC = SyncStrategy(SyncMode.PERIODIC, period_s=0.1)
_THRESHOLD = SyncStrategy(SyncMode.THRESHOLD, threshold_operations=3, idle_s=0.2)
_NEVER = SyncStrategy(SyncMode.NEVER)

WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("first start", _first_start, is_first_start=True),
        Workload("put inline", _put_inline),
        Workload("put blob", _put_blob),
        Workload("put large blob", _put_large_blob),
        Workload("put streamed blob", _put_streamed_blob, has_few_sectors=False),
        Workload("overwrite", _overwrite, _before_overwrites),
        Workload("delete", _delete, _before_overwrites),
        Workload("multipart", _multipart),
        Workload("rotation", _rotation, layout=_TINY),
        Workload("checkpoint", _checkpoint, _fill_segments, layout=_TINY),
        Workload(
            "index checkpoints",
            _index_checkpoints,
            _fill_segments,
            Layout(segment_size_bytes=12 * 1024, has_checkpoints=True),
            has_few_sectors=False,
        ),
        Workload("garbage", _garbage, _before_overwrites),
        Workload("copy", _copy, _before_overwrites),
        Workload(
            "two gateways",
            _two_gateways,
            _before_overwrites,
            Layout(segment_size_bytes=12 * 1024, gateway_count=2, is_interleaved=True),
        ),
        Workload("put packed", _put_packed, layout=_PACKED, has_few_sectors=False),
        Workload(
            "packed garbage",
            _packed_garbage,
            _before_packed_overwrites,
            _PACKED,
            has_few_sectors=False,
        ),
        Workload(
            "compaction", _compaction, _before_packed_overwrites, _PACKED, has_few_sectors=False
        ),
        Workload(
            "second compaction",
            _second_compaction,
            _before_second_compaction,
            _PACKED,
            has_few_sectors=False,
        ),
        Workload(
            "compaction beside writes",
            _compaction_beside_writes,
            _before_compaction_beside_writes,
            replace(_PACKED, gateway_count=2, is_interleaved=True),
            has_few_sectors=False,
        ),
        Workload(
            "checkpoints beside writes",
            _checkpoints_beside_writes,
            layout=Layout(segment_size_bytes=8 * 1024, is_interleaved=True),
        ),
        Workload("periodic", _trickle, layout=Layout(64 * 1024, sync=_PERIODIC)),
        Workload("periodic, rotation", _rotation, layout=replace(_TINY, sync=_PERIODIC)),
        Workload("threshold", _bursts, layout=Layout(64 * 1024, sync=_THRESHOLD)),
        Workload(
            "threshold, interleaved",
            _bursts,
            layout=Layout(12 * 1024, is_interleaved=True, sync=_THRESHOLD),
        ),
        Workload("never", _trickle, layout=Layout(64 * 1024, sync=_NEVER)),
        Workload("never, rotation", _rotation, layout=replace(_TINY, sync=_NEVER)),
        Workload(
            "never, checkpoint", _checkpoint_in_between, layout=Layout(64 * 1024, sync=_NEVER)
        ),
        Workload(
            "never, index checkpoints",
            _index_checkpoints,
            _fill_segments,
            Layout(segment_size_bytes=12 * 1024, sync=_NEVER, has_checkpoints=True),
            has_few_sectors=False,
        ),
        Workload(
            "never, garbage", _garbage, _before_overwrites, layout=Layout(64 * 1024, sync=_NEVER)
        ),
    )
}
"""By name; those with a strategy other than `always` are called after it."""
