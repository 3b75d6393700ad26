"""What the simulated clients do, and what they remember of it.

Each client sends one request after the other. Whatever it knows for sure afterwards goes into the
history; bodies and entity tags are compared at once: what is read must be, byte for byte, what one
write has written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rucket.ports.transport import ConnectionLostError
from rucket_platform.histories.history import Answer, History, Kind, Operation
from tests.simulation.bodies import etag_of, etag_of_parts, make_body
from tests.simulation.s3_client import S3Client, UnavailableError
from tests.simulator.errors import SimulationError

if TYPE_CHECKING:
    import random

    from tests.simulation.s3_client import FoundObject
    from tests.simulation.world import World

KEYS = tuple(f"object-{number}" for number in range(6))
CREATED_ONCE_KEYS = tuple(f"once/{number}" for number in range(16))
ALL_KEYS = KEYS + CREATED_ONCE_KEYS

_PART_SIZE_BYTES_MIN = 5 * 1024 * 1024
_PAUSE_S_MAX = 0.03
_COMPLETE_TRY_COUNT = 4
_NO_ANSWER = (ConnectionLostError, TimeoutError)


class WrongBytesError(SimulationError):
    """What was read isn't what one write has written."""


@dataclass(slots=True)
class Book:
    """What all clients together know.

    Attributes:
        etags: by write id; those of copies whose answer is unknown are missing.
        bodies: by entity tag.
        write_ids: by key, all that were ever sent.
    """

    history: History = field(default_factory=History)
    etags: dict[str, str] = field(default_factory=dict)
    bodies: dict[str, bytes] = field(default_factory=dict)
    write_ids: dict[str, list[str]] = field(default_factory=dict)

    def note_write(self, key: str, write_id: str, etag: str = "", body: bytes = b"") -> None:
        """Takes note of a write before it is sent."""
        self.write_ids.setdefault(key, []).append(write_id)
        if etag:
            self.etags[write_id] = etag
            self.bodies[etag] = body

    def check_found(
        self, key: str, found: FoundObject, *, head: bool, span: tuple[int, int] | None = None
    ) -> None:
        """Compares what was read with what was written.

        Raises:
            WrongBytesError: it is something else.
        """
        what = f"{key}, write {found.write_id}, etag {found.etag}"
        if found.write_id not in self.write_ids.get(key, ()):
            raise WrongBytesError(f"{what}: nobody wrote that to this key")
        if self.etags.setdefault(found.write_id, found.etag) != found.etag:
            raise WrongBytesError(f"{what}: the write had {self.etags[found.write_id]}")
        body = self.bodies.get(found.etag)
        if body is not None and span is not None:
            body = body[span[0] : span[1] + 1]
        if body is None or found.size_bytes != len(body) or (not head and found.body != body):
            raise WrongBytesError(f"{what}: {found.size_bytes} bytes that nobody wrote")

    def values_with_etag(self, key: str, etag: str) -> tuple[str | None, ...]:
        """The writes to a key that may have had this entity tag."""
        return tuple(
            write_id
            for write_id in self.write_ids.get(key, ())
            if self.etags.get(write_id, etag) == etag
        )


class Client:
    """One client and its requests."""

    def __init__(self, world: World, name: str, s3: S3Client, book: Book) -> None:
        self.name = name
        self.counts: dict[str, int] = {}
        self._world = world
        self._s3 = s3
        self._book = book
        self._random: random.Random = world.scheduler.random_stream(f"client/{name}")
        self._write_count = 0
        self._requests = (
            (30, self._put),
            (18, self._create),
            (10, self._delete),
            (30, self._get),
            (8, self._list),
            (8, self._copy),
            (8, self._upload),
        )

    async def run(self, request_count: int) -> None:
        """Sends this many requests."""
        weights = [weight for weight, _ in self._requests]
        for _ in range(request_count):
            await self._world.client_tasks.sleep(self._random.random() * _PAUSE_S_MAX)
            (_, request) = self._random.choices(self._requests, weights)[0]
            try:
                await request()
            except (*_NO_ANSWER, UnavailableError) as error:
                self._count(f"no answer: {type(error).__name__}")

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def _now_s(self) -> float:
        return self._world.scheduler.now_s

    def _new_write_id(self) -> str:
        self._write_count += 1
        return f"{self.name}-{self._write_count}"

    def _new_size_bytes(self) -> int:
        inline_max = self._world.settings.inline_size_bytes_max
        low, high = self._random.choices(
            (
                (1, 200),
                (inline_max - 1, inline_max + 1),
                (inline_max, 40_000),
                (900_000, 1_400_000),
            ),
            (30, 10, 20, 1),
        )[0]
        return self._random.randint(low, high)

    def _start(self, key: str, kind: Kind, value: str | None) -> Operation:
        return self._book.history.start(self.name, key, kind, value, self._now_s())

    def _end(self, operation: Operation, answer: str) -> None:
        self._count(f"{operation.kind.value} {answer}")
        if answer != "unknown":
            operation.ended_s = self._now_s()
            operation.answer = Answer(answer)

    async def _put(self) -> None:
        await self._write(self._random.choice(KEYS), Kind.WRITE)

    async def _create(self) -> None:
        await self._write(self._random.choice(CREATED_ONCE_KEYS), Kind.CREATE)

    async def _write(self, key: str, kind: Kind) -> None:
        write_id = self._new_write_id()
        body = make_body(write_id, self._new_size_bytes())
        self._book.note_write(key, write_id, etag_of(body), body)
        operation = self._start(key, kind, write_id)
        answer = await self._s3.put(key, write_id, body, only_new=kind is Kind.CREATE)
        self._end(operation, answer)

    async def _delete(self) -> None:
        key = self._random.choice(KEYS)
        operation = self._start(key, Kind.DELETE, None)
        self._end(operation, await self._s3.delete(key))

    async def _get(self) -> None:
        how = self._random.random()
        span = (self._random.randint(0, 300), self._random.randint(300, 20_000))
        await self.read(
            self._random.choice(ALL_KEYS), head=how < 0.2, span=span if how > 0.8 else None
        )

    async def read(
        self, key: str, *, head: bool = False, span: tuple[int, int] | None = None
    ) -> str | None:
        """Reads an object, or a part of it, and checks that; the write it is of."""
        started_s = self._now_s()
        found = await self._s3.get(key, head=head, span=span)
        self._count("read")
        if found is not None:
            self._book.check_found(key, found, head=head, span=span)
        value = None if found is None else found.write_id
        self._book.history.read(self.name, key, (value,), started_s, self._now_s())
        return value

    async def _list(self) -> None:
        await self.list_all(self._random.choice((1, 2, 5, 1000)))

    async def list_all(self, max_keys: int) -> dict[str, str]:
        """Lists the bucket page by page; each page is a read of all keys in its range."""
        listed: dict[str, str] = {}
        token: str | None = None
        after = ""
        while True:
            started_s = self._now_s()
            page = await self._s3.list_page(token, max_keys)
            self._count("list page")
            last = None if page.next_token is None else page.entries[-1][0]
            entries = dict(page.entries)
            self._check_entries(entries, after, last)
            for key in ALL_KEYS:
                if key > after and (last is None or key <= last):
                    values: tuple[str | None, ...] = (None,)
                    if key in entries:
                        values = self._book.values_with_etag(key, entries[key])
                    self._book.history.read(self.name, key, values, started_s, self._now_s())
            listed.update(entries)
            if page.next_token is None or last is None:
                return listed
            token, after = page.next_token, last

    def _check_entries(self, entries: dict[str, str], after: str, last: str | None) -> None:
        keys = list(entries)
        if keys != sorted(keys) or not set(keys) <= set(ALL_KEYS):
            raise WrongBytesError(f"a listing has the keys {keys}")
        if any(key <= after for key in keys) or (last is not None and last != keys[-1]):
            raise WrongBytesError(f"a page of a listing after {after!r} has the keys {keys}")

    async def _copy(self) -> None:
        source, key = self._random.choice(ALL_KEYS), self._random.choice(KEYS)
        write_id = self._new_write_id()
        self._book.note_write(key, write_id)
        operation = self._start(key, Kind.WRITE, write_id)
        etag = await self._s3.copy(source, key, write_id)
        if etag is None:
            # There was no source: nothing was written, and nobody may ever see the write.
            self._book.history.operations.remove(operation)
            self._book.write_ids[key].remove(write_id)
        elif etag:
            self._book.etags[write_id] = etag
            self._end(operation, "done")

    async def _upload(self) -> None:
        key = self._random.choice(KEYS)
        write_id = self._new_write_id()
        bodies = self._new_parts(write_id)
        upload_id = await self._s3.create_upload(key, write_id)
        if upload_id is None:
            return
        etags = []
        for number, body in enumerate(bodies, start=1):
            etag = await self._s3.put_part(key, upload_id, number, body)
            if etag is None:
                return
            etags.append(etag)
        self._book.note_write(key, write_id, etag_of_parts(bodies), b"".join(bodies))
        operation = self._start(key, Kind.WRITE, write_id)
        for _ in range(_COMPLETE_TRY_COUNT):
            try:
                answer = await self._s3.complete_upload(key, upload_id, etags)
            except _NO_ANSWER:
                answer = "unknown"
            self._end(operation, answer)
            if answer == "done":
                return
            await self._world.client_tasks.sleep(self._random.random())

    def _new_parts(self, write_id: str) -> list[bytes]:
        bodies = [make_body(write_id, self._random.randint(1, 20_000))]
        if self._random.random() < 0.05:
            bodies.insert(0, make_body(f"{write_id}.1", _PART_SIZE_BYTES_MIN))
        return bodies
