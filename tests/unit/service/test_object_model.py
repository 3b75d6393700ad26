"""Random puts, copies, uploads, deletes and reads of ranges, against a dictionary of bytes."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from rucket.model.errors import NoSuchKey
from rucket.service.copying import CopyPlan, copy_object
from rucket.service.encryption.object_encryption import NO_ENCRYPTION, ObjectEncryption
from rucket.service.multipart import (
    PART_SIZE_BYTES_MIN,
    RequestedPart,
    UploadName,
    complete_upload,
    create_upload,
    put_part,
)
from rucket.service.objects import Deletion, delete_object, new_metadata
from rucket.service.reading import ByteSpan
from rucket.state.commands import WriteCondition
from tests.unit.service.actions import DESCRIPTION, finder, put, read
from tests.unit.service.encryption.keys import ring
from tests.unit.service.payloads import MIB, TestPayload, content
from tests.unit.service.world import OWNER_ID, World

if TYPE_CHECKING:
    from collections.abc import Sequence

KEYS = ("a", "b", "c")
SIZES = (0, 1, 999, 1001, 100_000, MIB, MIB + 1, 2 * MIB + 333)
STEP_COUNT = 40


class _Run:
    """The store, and what it should hold."""

    def __init__(self, seed: int, encryptions: Sequence[ObjectEncryption]) -> None:
        self.world = World(seed)
        self._encryptions = encryptions
        self.model: dict[str, bytes] = {}
        self._random = random.Random(seed)
        self._salt = 0

    def _content(self, sizes: tuple[int, ...] = SIZES) -> bytes:
        self._salt += 1
        return content(self._random.choice(sizes), self._salt)

    async def step(self) -> None:
        self.world.use(self._random.choice(self._encryptions))
        steps = (self._put, self._delete, self._copy, self._assemble, self._read, self._read)
        await self._random.choice(steps)(self._random.choice(KEYS))

    async def _put(self, key: str) -> None:
        data = self._content()
        await put(self.world, key, data)
        self.model[key] = data

    async def _delete(self, key: str) -> None:
        await delete_object(self.world.gateway, self.world.bucket, Deletion(key))
        self.model.pop(key, None)

    async def _copy(self, key: str) -> None:
        source = self._random.choice(KEYS)
        plan = CopyPlan(new_metadata(DESCRIPTION, OWNER_ID))
        try:
            await copy_object(
                self.world.gateway,
                finder(self.world, source),
                self.world.bucket,
                key,
                lambda _: plan,
                WriteCondition(),
            )
        except NoSuchKey:
            assert source not in self.model
        else:
            self.model[key] = self.model[source]

    async def _assemble(self, key: str) -> None:
        gateway = self.world.gateway
        template = new_metadata(DESCRIPTION, OWNER_ID)
        upload_id = await create_upload(gateway, self.world.bucket, key, template, OWNER_ID, None)
        name = UploadName(self.world.bucket, key, upload_id)
        datas = [
            self._content((PART_SIZE_BYTES_MIN, PART_SIZE_BYTES_MIN + 17))
            for _ in range(self._random.randint(0, 1))
        ]
        datas.append(self._content())
        parts: list[RequestedPart] = []
        for number, data in enumerate(datas, start=1):
            payload = TestPayload(self.world.tasks, data, piece_size_bytes=MIB)
            stored = await put_part(gateway, name, number, payload)
            parts.append(RequestedPart(number, stored.etag))
        await complete_upload(gateway, name, parts, WriteCondition(), lambda _upload, _parts: None)
        self.model[key] = b"".join(datas)

    async def _read(self, key: str) -> None:
        expected = self.model.get(key)
        if expected is None:
            with pytest.raises(NoSuchKey):
                await read(self.world, key)
            return
        first = self._random.randint(0, len(expected))
        span = ByteSpan(first, self._random.randint(0, len(expected) - first))
        assert await read(self.world, key, span) == expected[span.offset : span.end]


_WITH_KEY = ObjectEncryption(ring())
_ENCRYPTIONS = {
    "plain": [NO_ENCRYPTION],
    "encrypting": [_WITH_KEY.switched_on()],
    "sometimes encrypting": [_WITH_KEY, _WITH_KEY.switched_on()],
    "rotating": [
        ObjectEncryption(ring(1, 2), is_on=True),
        ObjectEncryption(ring(2, 1), is_on=True),
    ],
}


@pytest.mark.parametrize("encryptions", _ENCRYPTIONS.values(), ids=_ENCRYPTIONS)
@pytest.mark.parametrize("seed", range(4))
def test_objects_are_what_was_last_written(
    seed: int, encryptions: Sequence[ObjectEncryption]
) -> None:
    """After every step, and with nothing left open in the end."""
    run = _Run(seed, encryptions)

    async def steps() -> None:
        for _ in range(STEP_COUNT):
            await run.step()
        for key, data in run.model.items():
            assert await read(run.world, key) == data

    run.world.run(steps())

    assert not run.world.blobs.open_readers
    assert not run.world.blobs.open_writers
