"""The commands: every way in which metadata can change, as a value that goes into the log.

A command says what is wanted; `rucket.state.apply` decides what happens, in log order, from nothing
but the command, its stamp and the rows. So conditions (If-Match …) are part of a command, and what
a gateway found out from a snapshot is only as good as the ids by which the command names it
(`bucket_id`, a part's `version_id`, a blob): apply checks them again.

Encoding: a MessagePack array, the tag first, then the fields in order. Tags and positions are
forever; new fields go to the end and have defaults. A command a node doesn't know stops it
(`UnknownFormatError`): it was written by a newer Rucket. Ids and numbers that keys of rows are made
of are checked by decoding, so that `apply` has a row for whatever decodes.
"""

from __future__ import annotations

import msgspec

from rucket.model.errors import UnknownFormatError
from rucket.model.records import (
    UNDECODABLE,
    AccessKey,
    BucketNumber,
    Content,
    Id,
    MultipartUpload,
    ObjectMetadata,
    Part,
    PartNumber,
    Record,
    User,
)


class WriteCondition(Record, frozen=True):
    """When a write may happen. Entity tags without quotes; ``*`` stands for any object.

    Attributes:
        if_match: the current object must have one of these.
        if_none_match: the current object must have none of these.
    """

    if_match: tuple[str, ...] = ()
    if_none_match: tuple[str, ...] = ()


class DeleteCondition(Record, frozen=True):
    """When a delete may happen; None asks nothing. Source: S3 API, DeleteObject, If-Match,
    x-amz-if-match-size, x-amz-if-match-last-modified-time.
    """

    if_match: str | None = None
    if_match_size_bytes: int | None = None
    if_match_last_modified_s: int | None = None


class CreateBucket(Record, frozen=True, tag=1):
    """Makes a bucket; a no-op for a bucket that its owner makes again."""

    commit_id: Id
    name: str
    owner_id: str
    location: str = ""
    home_region: str = ""


class DeleteBucket(Record, frozen=True, tag=2):
    """Removes an empty bucket and the uploads pending in it."""

    commit_id: Id
    bucket_id: BucketNumber
    name: str


class PutObject(Record, frozen=True, tag=3):
    """Makes a new current version of an object. `commit_id` is its version id.

    `shares_blobs` says that the blobs of `content` belong to another object already (CopyObject):
    if one of them is no longer in use, the source has changed and the command is rejected.
    `bucket_name` and `is_copy` are for those who are told of the object (`rucket.state.events`).
    """

    commit_id: Id
    bucket_id: BucketNumber
    key: str
    metadata: ObjectMetadata
    content: Content
    condition: WriteCondition = WriteCondition()
    shares_blobs: bool = False
    bucket_name: str = ""
    is_copy: bool = False


class DeleteObject(Record, frozen=True, tag=4):
    """Deletes the current version of an object; deleting what isn't there succeeds."""

    commit_id: Id
    bucket_id: BucketNumber
    key: str
    condition: DeleteCondition = DeleteCondition()
    bucket_name: str = ""


class CreateMultipartUpload(Record, frozen=True, tag=5):
    """Starts an upload. `commit_id` is its upload id."""

    commit_id: Id
    bucket_id: BucketNumber
    key: str
    upload: MultipartUpload


class PutPart(Record, frozen=True, tag=6):
    """Adds a part to an upload, over one of the same number. `commit_id` is its version id."""

    commit_id: Id
    bucket_id: BucketNumber
    key: str
    upload_id: bytes
    part_number: PartNumber
    part: Part
    content: Content
    shares_blobs: bool = False


class ChosenPart(Record, frozen=True):
    """A part that goes into the object, as the gateway saw it."""

    part_number: PartNumber
    version_id: bytes


class CompleteMultipartUpload(Record, frozen=True, tag=7):
    """Makes an object of the parts of an upload. `commit_id` is its version id.

    `metadata` and `content` were put together from the parts in `parts`; if one of them has been
    replaced since, the command is rejected and the gateway looks again. `parts_digest` stands for
    the request's list of parts: the same request, repeated later, gets the same answer.
    """

    commit_id: Id
    bucket_id: BucketNumber
    key: str
    upload_id: bytes
    parts: tuple[ChosenPart, ...]
    parts_digest: bytes
    metadata: ObjectMetadata
    content: Content
    condition: WriteCondition = WriteCondition()
    bucket_name: str = ""


class AbortMultipartUpload(Record, frozen=True, tag=8):
    """Ends an upload and gives up its parts."""

    commit_id: Id
    bucket_id: BucketNumber
    key: str
    upload_id: bytes


class PutUser(Record, frozen=True, tag=9):
    """Makes a user, or changes one that exists; `must_be_new` says which is meant."""

    commit_id: Id
    user: User
    must_be_new: bool = False


class DeleteUser(Record, frozen=True, tag=10):
    """Removes a user, with all access keys, who owns no bucket."""

    commit_id: Id
    name: str


class PutAccessKey(Record, frozen=True, tag=11):
    """Gives a user another access key. One that exists already is never taken over."""

    commit_id: Id
    access_key: AccessKey


class DeleteAccessKey(Record, frozen=True, tag=12):
    """Takes an access key away."""

    commit_id: Id
    user_name: str
    access_key_id: str


class ForgetGarbage(Record, frozen=True, tag=13):
    """Says that these unreferenced blobs have been removed from the devices."""

    commit_id: Id
    blob_ids: tuple[bytes, ...]


class RewrapDataKey(Record, frozen=True, tag=14):
    """Puts an object's data key under another master key; its bytes stay as they are.

    Only a row that still has the record `expected` gets `record`. With an `upload_id`, it is that
    of a pending upload, and `version_id` is empty.
    """

    commit_id: Id
    bucket_id: BucketNumber
    key: str
    version_id: bytes
    expected: bytes
    record: bytes
    upload_id: bytes = b""


Command = (
    CreateBucket
    | DeleteBucket
    | PutObject
    | DeleteObject
    | CreateMultipartUpload
    | PutPart
    | CompleteMultipartUpload
    | AbortMultipartUpload
    | PutUser
    | DeleteUser
    | PutAccessKey
    | DeleteAccessKey
    | ForgetGarbage
    | RewrapDataKey
)

COMMAND_FORMAT_VERSION = 1
_PREFIX = bytes([COMMAND_FORMAT_VERSION])

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)


class MalformedCommandError(ValueError):
    """The bytes aren't a command."""


def encode_command(command: Record) -> bytes:
    """One byte of format_version, then the command as MessagePack."""
    return _PREFIX + _encoder.encode(command)


def decode_command(payload: bytes | memoryview) -> Command:
    """The command that `encode_command` made `payload` of.

    Raises:
        UnknownFormatError: a newer Rucket wrote it.
        MalformedCommandError: it isn't a command.
    """
    if not payload:
        raise MalformedCommandError("an empty payload is no command")
    if payload[0] != COMMAND_FORMAT_VERSION:
        raise UnknownFormatError("a command", payload[0], COMMAND_FORMAT_VERSION)
    try:
        return _decoder.decode(memoryview(payload)[1:])
    except UNDECODABLE as error:
        raise MalformedCommandError(str(error)) from error
