"""Events: what the log tells those outside who want to know. Pure.

An event follows from a command that changed something, its place and its stamp; so the same log
always tells the same events, in the same order.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rucket.state.commands import (
    CompleteMultipartUpload,
    CreateBucket,
    DeleteBucket,
    DeleteObject,
    PutObject,
    decode_command,
)

if TYPE_CHECKING:
    from rucket.ports.log import LogEntry


@enum.unique
class EventKind(enum.Enum):
    """What happened, by its name in the JSON of S3 event notifications. Source: S3 User Guide,
    "Supported event types"; S3 has no names for events of buckets.
    """

    OBJECT_PUT = "ObjectCreated:Put"
    OBJECT_COPIED = "ObjectCreated:Copy"
    OBJECT_COMPLETED = "ObjectCreated:CompleteMultipartUpload"
    OBJECT_DELETED = "ObjectRemoved:Delete"
    BUCKET_CREATED = "BucketCreated"
    BUCKET_DELETED = "BucketDeleted"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Attributes:
        sequence_number: the place of its command in the log.
        hlc: the stamp: events of one key are in its order.
        commit_id: of the command, 16 bytes.
        bucket: its name.
        key: of the object; empty for an event of a bucket.
        size_bytes, etag: of an object that was made.
        owner_id: canonical id of the owner of what was made; empty if nothing was.
    """

    kind: EventKind
    sequence_number: int
    hlc: int
    commit_id: bytes
    bucket: str
    key: str = ""
    size_bytes: int = 0
    etag: str = ""
    owner_id: str = ""


def event_of(entry: LogEntry) -> Event | None:
    """What a command that changed something is told as; None for those nobody is told of.

    Raises:
        UnknownFormatError: a newer Rucket wrote the command.
        MalformedCommandError: it isn't one.
    """
    command = decode_command(entry.payload)
    place = entry.sequence_number, entry.hlc, command.commit_id
    match command:
        case PutObject():
            kind = EventKind.OBJECT_COPIED if command.is_copy else EventKind.OBJECT_PUT
            return _object_made(kind, place, command)
        case CompleteMultipartUpload():
            return _object_made(EventKind.OBJECT_COMPLETED, place, command)
        case DeleteObject():
            return Event(EventKind.OBJECT_DELETED, *place, command.bucket_name, command.key)
        case CreateBucket():
            owner_id = command.owner_id
            return Event(EventKind.BUCKET_CREATED, *place, command.name, owner_id=owner_id)
        case DeleteBucket():
            return Event(EventKind.BUCKET_DELETED, *place, command.name)
        case _:
            return None


def _object_made(
    kind: EventKind, place: tuple[int, int, bytes], command: PutObject | CompleteMultipartUpload
) -> Event:
    return Event(
        kind,
        *place,
        command.bucket_name,
        command.key,
        command.metadata.size_bytes,
        command.metadata.etag,
        command.metadata.owner_id,
    )
