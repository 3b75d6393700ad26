"""A gateway on simulated ports whose commands are applied at once: enough for the service layer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from rucket.model.records import Content, Extent, ObjectMetadata
from rucket.ports.log import LogEntry
from rucket.service.encryption.object_encryption import NO_ENCRYPTION, ObjectEncryption
from rucket.service.gateway import Gateway, ServiceSettings
from rucket.service.objects import OpenObject, current_object_with_content, open_object
from rucket.service.reading import ByteSpan, ContentStream
from rucket.state.apply import apply_entries
from rucket.state.commands import CreateBucket, PutObject, encode_command
from rucket.state.outcomes import Outcome, RecentOutcomes
from rucket.state.placement import SingleNodePlacement
from rucket.state.rows import find_bucket, reference_count
from tests.simulator.index import SimulatedIndexFile
from tests.simulator.process import Process, SimulatedClock, SimulatedRandom, SimulatedTasks
from tests.simulator.scheduler import Scheduler
from tests.simulator.trace import Trace
from tests.unit.fake_blobs import FakeBlobs

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from rucket.model.records import BucketInfo, Record

T = TypeVar("T")

OWNER_ID = "a" * 64
INLINE_SIZE_BYTES_MAX = 1000
_HLC_STEP = 1000 << 16


def _nothing(_: Record) -> None:
    return


class DirectCommits:
    """The `Commits` port without a log: a command is applied when it is committed.

    Attributes:
        before: called with every command before it is applied; may raise.
        after: called after it was applied; may raise.
        before_sync: called before a sync returns; may raise.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._sequence_number = 0
        self.commands: list[Record] = []
        self.before: Callable[[Record], None] = _nothing
        self.after: Callable[[Record], None] = _nothing
        self.before_sync: Callable[[], None] = lambda: None

    async def commit(self, command: Record) -> Outcome:
        """See `Commits.commit`."""
        await self._world.tasks.sleep(0.001)
        self.before(command)
        outcome = self.apply(command)
        self.after(command)
        return outcome

    def apply(self, command: Record) -> Outcome:
        """Applies a command, as if another gateway had sent it."""
        self.commands.append(command)
        self._sequence_number += 1
        entry = LogEntry(
            self._sequence_number, self._sequence_number * _HLC_STEP, encode_command(command)
        )
        with self._world.index.transaction() as transaction:
            outcomes = apply_entries([entry], transaction, RecentOutcomes(transaction))
        return outcomes[0][1]

    async def sync(self) -> None:
        """See `Commits.sync`."""
        self.before_sync()

    async def ready(self) -> bool:
        """See `Commits.ready`."""
        return True


class World:
    """One gateway and what it stands on; `bucket` is there already."""

    def __init__(self, seed: int = 0, encryption: ObjectEncryption = NO_ENCRYPTION) -> None:
        self.scheduler = Scheduler(seed, Trace())
        self.process = Process(self.scheduler, "gateway")
        self.tasks = SimulatedTasks(self.process)
        self.index = SimulatedIndexFile(self.scheduler).open(self.process)
        self.blobs = FakeBlobs()
        self.commits = DirectCommits(self)
        self.random = SimulatedRandom(self.scheduler, "gateway")
        self.gateway = Gateway(
            index=self.index,
            commits=self.commits,
            blobs=self.blobs,
            tasks=self.tasks,
            clock=SimulatedClock(self.scheduler, "gateway"),
            random=self.random,
            placement=SingleNodePlacement("simulated"),
            settings=ServiceSettings(
                region="us-east-1",
                domains=(),
                users=(),
                sealing_key=bytes(32),
                version="0",
                node_id="node",
                started_at_ms=0,
                inline_size_bytes_max=INLINE_SIZE_BYTES_MAX,
            ),
            encryption=encryption,
        )
        self.bucket = self.make_bucket("bucket")

    def use(self, encryption: ObjectEncryption) -> None:
        """From now on, the gateway is one with this encryption, as after a restart."""
        self.gateway = replace(self.gateway, encryption=encryption)

    def make_bucket(self, name: str) -> BucketInfo:
        """A bucket of `OWNER_ID`."""
        self.commits.apply(CreateBucket(self.random.token_bytes(16), name, OWNER_ID))
        with self.index.snapshot() as snapshot:
            bucket = find_bucket(snapshot, name)
        assert bucket is not None
        return bucket

    def put_of_blobs(self, key: str, parts: list[bytes]) -> None:
        """Makes an object of many blobs, as if another gateway had."""
        extents: list[Extent] = []
        for part in parts:
            writer = self.blobs.create("STANDARD", None)
            writer.write(part)
            extents.append(Extent(writer.finish(), len(part)))
        size_bytes = sum(map(len, parts))
        self.commits.apply(
            PutObject(
                self.random.token_bytes(16),
                self.bucket.bucket_id,
                key,
                ObjectMetadata(b"", 0, size_bytes, "etag", OWNER_ID),
                Content(extents=tuple(extents)),
            )
        )

    async def open(self, key: str) -> OpenObject:
        """Opens all bytes of an object."""
        return await open_object(
            self.gateway,
            lambda snapshot: current_object_with_content(snapshot, self.bucket, key),
            lambda metadata: ByteSpan(0, metadata.size_bytes),
        )

    async def close(self, opened: OpenObject) -> None:
        """Closes it again."""
        if isinstance(opened.body, ContentStream):
            await opened.body.aclose()

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Runs `main`, and then everything it left running, to the end."""

        async def whole() -> T:
            try:
                return await main
            finally:
                await self.tasks.sleep(10)

        return self.scheduler.run(self.process, whole())

    def is_at_rest(self) -> bool:
        """Whether nothing is open, and every blob there is named by a row."""
        with self.index.snapshot() as snapshot:
            named = all(reference_count(snapshot, blob_id) for blob_id in self.blobs.finished)
        return named and not self.blobs.open_readers and not self.blobs.open_writers
