"""Commands that put many small objects, as gateways would send them.

Half of the objects are 1 KiB and ride in their command, half lie in a blob each. Keys come in an
order of no sense (a multiplicative permutation), so that rows go all over the tree, unless they are
asked for in order.
"""

from dataclasses import dataclass

from rucket.model.records import Content, Extent, ObjectMetadata
from rucket.state.commands import CreateBucket, PutObject, encode_command

OWNER_ID = "0123456789abcdef" * 4
HEADERS = {"Content-Type": "application/octet-stream"}
INLINE_SIZE_BYTES = 1024
BLOB_SIZE_BYTES = 64 * 1024
KEYS_PER_FOLDER = 1000
STRIDE = 2_654_435_761  # a prime: every number below it comes once
BODY = bytes(range(256)) * (INLINE_SIZE_BYTES // 256)


@dataclass(frozen=True, slots=True)
class SmallObjects:
    """`count` objects in one bucket, numbered from 0.

    Attributes:
        count: how many there are.
        is_ordered: whether their keys ascend with their numbers.
        key_size_bytes: of every key.
        generation: objects of another one have the same keys, but ids and blobs of their own.
    """

    count: int
    is_ordered: bool = False
    key_size_bytes: int = 48
    generation: int = 0

    def bucket(self) -> bytes:
        """The command that makes the bucket, which must be the first one's: its id is 1."""
        return encode_command(CreateBucket(self._id(b"b", 0), "objects", OWNER_ID))

    def key(self, number: int) -> str:
        """The key of an object."""
        place = number if self.is_ordered else number * STRIDE % self.count
        key = f"folder-{place // KEYS_PER_FOLDER:08d}/object-{place % KEYS_PER_FOLDER:04d}"
        return key.ljust(self.key_size_bytes, "x")

    def put(self, number: int) -> bytes:
        """The encoded command that puts an object."""
        content, size_bytes = self._content(number)
        version_id = self._id(b"v", number)
        metadata = ObjectMetadata(
            version_id=version_id,
            hlc=0,
            size_bytes=size_bytes,
            etag=version_id.hex(),
            owner_id=OWNER_ID,
            content_headers=HEADERS,
        )
        return encode_command(PutObject(version_id, 1, self.key(number), metadata, content))

    def _content(self, number: int) -> tuple[Content, int]:
        if number % 2:
            return Content(
                extents=(Extent(self._id(b"x", number), BLOB_SIZE_BYTES),)
            ), BLOB_SIZE_BYTES
        return Content(inline=BODY), INLINE_SIZE_BYTES

    def _id(self, kind: bytes, number: int) -> bytes:
        """16 bytes that look random at their start, as ids do."""
        mixed = (self.generation * self.count + number + 1) * 0x9E3779B97F4A7C15 % 2**64
        return mixed.to_bytes(8, "big") + kind + number.to_bytes(7, "big")
