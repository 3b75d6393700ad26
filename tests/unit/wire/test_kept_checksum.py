"""The checksum that is kept with an object, and what it takes to compute it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import zlib
from collections import deque
from dataclasses import replace

import pytest

from rucket.model.checksums import ChecksumAlgorithm
from rucket.runtime.asyncio_tasks import AsyncioTasks
from rucket.wire.body import IncomingBytes, RequestBody, read_promises
from rucket.wire.checksums import parse_declared_checksum
from rucket.wire.kept_checksum import ChecksummedBody
from rucket.wire.sigv4.payload_hash import parse_payload_hash
from rucket.wire.sigv4.signature import SigningContext
from tests.unit.fakes import SETTINGS, FakeClock
from tests.unit.in_process_client import Transfer

DATA = b"eleven chars"
SHA256 = hashlib.sha256(DATA)
DIGESTS = {
    "CRC32": base64.b64encode(zlib.crc32(DATA).to_bytes(4, "big")).decode(),
    "SHA256": base64.b64encode(SHA256.digest()).decode(),
}


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA256"])
@pytest.mark.parametrize("payload_hash", ["UNSIGNED-PAYLOAD", SHA256.hexdigest()])
@pytest.mark.parametrize("kept", [None, ChecksumAlgorithm.SHA256, ChecksumAlgorithm.CRC64NVME])
def test_nothing_is_hashed_twice(
    algorithm: str, payload_hash: str, kept: ChecksumAlgorithm | None
) -> None:
    """What a header promises, what the signature does and what is kept share their hashers, and
    each says the right thing.
    """
    headers = {
        "content-length": str(len(DATA)),
        f"x-amz-checksum-{algorithm.lower()}": DIGESTS[algorithm],
    }

    async def scenario() -> ChecksummedBody:
        tasks = AsyncioTasks(1)
        context = SigningContext(b"", "", "", "", parse_payload_hash(payload_hash))
        transfer = Transfer(deque([DATA[:4], DATA[4:]]))
        settings = replace(SETTINGS, body_size_bytes_max=500)
        incoming = IncomingBytes(transfer.receive, headers, tasks, FakeClock(), settings)
        promises = read_promises(headers, context, checksum_covers_body=True)
        request_body = RequestBody(incoming, headers, context, promises, settings, tasks)
        body = ChecksummedBody(request_body, parse_declared_checksum(headers), kept)
        while piece := await body.read():
            for hasher in body.hashers():
                hasher.update(piece)
        body.verify()
        return body

    body = asyncio.run(scenario())

    digests = [hasher.digest() for hasher in body.hashers()]
    assert len(digests) == len(set(digests))
    assert body.answered_checksum().value == DIGESTS[algorithm]
    assert body.checksum().algorithm == (algorithm if kept is None else kept.value)
    assert body.checksum().value == DIGESTS.get(body.checksum().algorithm, body.checksum().value)
