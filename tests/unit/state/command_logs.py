"""Logs as Hypothesis makes them up: commands that go together more often than not.

A log is a list of commands; ids come from small pools, so that commands meet: the same keys, blobs
that are shared, replaced and garbage, uploads that were completed or aborted, commands that are
repeated. Whatever is made up is within what decoding accepts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from hypothesis import strategies as st

from rucket.model.records import (
    AccessKey,
    Checksum,
    Content,
    Extent,
    MultipartUpload,
    ObjectMetadata,
    Part,
    User,
)
from rucket.state.commands import (
    AbortMultipartUpload,
    ChosenPart,
    Command,
    CompleteMultipartUpload,
    CreateBucket,
    CreateMultipartUpload,
    DeleteAccessKey,
    DeleteBucket,
    DeleteCondition,
    DeleteObject,
    DeleteUser,
    ForgetGarbage,
    PutAccessKey,
    PutObject,
    PutPart,
    PutUser,
    WriteCondition,
)
from tests.unit.state.applied_log import an_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import DrawFn

LOG_LENGTH_MAX = 30
_REPEATED_ONE_IN = 12

NAMES = st.sampled_from(["bucket", "other", ""])
OWNERS = st.sampled_from(["owner", "other", "", "owner\0"])
BUCKET_IDS = st.sampled_from([1, 1, 1, 2, 3, 2**64 - 1])
KEYS = st.sampled_from(["key", "key\0", "", "é"])
ETAGS = st.sampled_from(["etag", "other", "*", ""])
TEXTS = st.sampled_from(["a", "b", "", "\0"])
BLOBS = st.integers(1, 8).map(an_id)
SIZES = st.sampled_from([0, 1, 17, 2**48])
PART_NUMBERS = st.sampled_from([1, 1, 2, 2, 0, 65_535])
CHECKSUMS = st.none() | st.just(Checksum("CRC32", "AAAAAA=="))
STAMPS = st.integers(0, 2**64 - 1)
EXTENTS = st.builds(Extent, BLOBS, st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
CONTENTS = st.builds(
    Content,
    st.none() | st.none() | st.binary(max_size=3),
    st.lists(EXTENTS, max_size=3).map(tuple),
)
METADATA = st.builds(
    ObjectMetadata,
    version_id=st.binary(max_size=2),
    hlc=STAMPS,
    size_bytes=SIZES,
    etag=ETAGS,
    owner_id=OWNERS,
    checksum=CHECKSUMS,
)
ETAG_LISTS = st.lists(ETAGS, max_size=2).map(tuple)
WRITE_CONDITIONS = st.just(WriteCondition()) | st.builds(WriteCondition, ETAG_LISTS, ETAG_LISTS)
DELETE_CONDITIONS = st.just(DeleteCondition()) | st.builds(
    DeleteCondition,
    st.none() | ETAGS,
    st.none() | SIZES,
    st.none() | st.integers(-(2**63), 2**63),
)
USERS = st.builds(User, TEXTS, OWNERS, TEXTS, st.sampled_from(["", "a@b", "A@B"]), STAMPS)
PARTS = st.builds(Part, STAMPS, SIZES, ETAGS, CHECKSUMS, st.binary(max_size=2))
_NO_ID = st.just(an_id(0))
SIMPLE_COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.builds(CreateBucket, _NO_ID, NAMES, OWNERS),
    st.builds(CreateBucket, _NO_ID, NAMES, OWNERS),
    st.builds(DeleteBucket, _NO_ID, BUCKET_IDS, NAMES),
    st.builds(
        PutObject, _NO_ID, BUCKET_IDS, KEYS, METADATA, CONTENTS, WRITE_CONDITIONS, st.booleans()
    ),
    st.builds(
        PutObject, _NO_ID, BUCKET_IDS, KEYS, METADATA, CONTENTS, WRITE_CONDITIONS, st.booleans()
    ),
    st.builds(DeleteObject, _NO_ID, BUCKET_IDS, KEYS, DELETE_CONDITIONS),
    st.builds(PutUser, _NO_ID, USERS, st.booleans()),
    st.builds(DeleteUser, _NO_ID, TEXTS),
    st.builds(PutAccessKey, _NO_ID, st.builds(AccessKey, TEXTS, TEXTS, st.just(b"s"))),
    st.builds(DeleteAccessKey, _NO_ID, TEXTS, TEXTS),
    st.builds(ForgetGarbage, _NO_ID, st.lists(BLOBS, max_size=4).map(tuple)),
)
"""All but those of uploads, which have to go together; each gets an id when it is drawn."""


class _LogMaker:
    """Makes up a log, and remembers which uploads and parts there may be."""

    def __init__(self, draw: DrawFn) -> None:
        self._draw = draw
        self.commands: list[Command] = []
        self._uploads: list[tuple[bytes, int, str]] = []
        self._parts: dict[tuple[bytes, int], tuple[bytes, Content]] = {}

    def add(self) -> None:
        """One command more."""
        if self.commands and self._draw(st.integers(1, _REPEATED_ONE_IN)) == 1:
            self.commands.append(self._draw(st.sampled_from(self.commands)))
            return
        makers: list[Callable[[], Command]] = [
            self._simple,
            self._simple,
            self._create_upload,
            self._put_part,
            self._put_part,
            self._complete,
            self._abort,
        ]
        self.commands.append(self._draw(st.sampled_from(makers))())

    def _id(self) -> bytes:
        return an_id(1000 + len(self.commands))

    def _simple(self) -> Command:
        return msgspec.structs.replace(self._draw(SIMPLE_COMMANDS), commit_id=self._id())

    def _create_upload(self) -> Command:
        bucket_id, key = self._draw(BUCKET_IDS), self._draw(KEYS)
        upload = MultipartUpload(b"", 0, "owner", self._draw(METADATA))
        self._uploads.append((self._id(), bucket_id, key))
        return CreateMultipartUpload(self._id(), bucket_id, key, upload)

    def _upload(self) -> tuple[bytes, int, str]:
        unknown = (an_id(999), 1, "key")
        return self._draw(st.sampled_from([*self._uploads, unknown]))

    def _put_part(self) -> Command:
        upload_id, bucket_id, key = self._upload()
        number, content = self._draw(PART_NUMBERS), self._draw(CONTENTS)
        self._parts[upload_id, number] = self._id(), content
        part, shares = self._draw(PARTS), self._draw(st.booleans())
        return PutPart(self._id(), bucket_id, key, upload_id, number, part, content, shares)

    def _complete(self) -> Command:
        upload_id, bucket_id, key = self._upload()
        seen = [(number, *part) for (of, number), part in self._parts.items() if of == upload_id]
        chosen = tuple(ChosenPart(number, version_id) for number, version_id, _ in seen)
        extents = tuple(extent for _, _, content in seen for extent in content.extents)
        content = self._draw(st.just(Content(extents=extents)) | CONTENTS)
        return CompleteMultipartUpload(
            self._id(),
            bucket_id,
            key,
            upload_id,
            chosen,
            self._draw(st.sampled_from([b"digest", b"other"])),
            self._draw(METADATA),
            content,
            self._draw(WRITE_CONDITIONS),
        )

    def _abort(self) -> Command:
        upload_id, bucket_id, key = self._upload()
        return AbortMultipartUpload(self._id(), bucket_id, key, upload_id)


@st.composite
def command_logs(draw: DrawFn) -> list[Command]:
    """A log that begins with a bucket."""
    maker = _LogMaker(draw)
    maker.commands.append(CreateBucket(an_id(1), "bucket", "owner"))
    for _ in range(draw(st.integers(0, LOG_LENGTH_MAX))):
        maker.add()
    return maker.commands
