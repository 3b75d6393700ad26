"""DeleteObjects. Source: S3 API Reference, DeleteObjects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.errors import NoSuchVersion, S3Error
from rucket.model.names import check_object_key
from rucket.service import objects
from rucket.service.objects import Deletion
from rucket.state.commands import DeleteCondition
from rucket.wire.body import read_small
from rucket.wire.error_document import message_of
from rucket.wire.object_request import check_version_id, find_object_bucket
from rucket.wire.operation import S3Response
from rucket.wire.xml.documents import DeletedObject, DeleteFailure, DeleteResult
from rucket.wire.xml.reader import DELETE_SIZE_BYTES_MAX, ObjectToDelete, read_delete
from rucket.wire.xml.writer import write_delete

if TYPE_CHECKING:
    from rucket.service.gateway import Gateway
    from rucket.wire.operation import S3Request


async def delete_objects(request: S3Request, gateway: Gateway) -> S3Response:
    """Deletes up to 1,000 objects, each for itself; what isn't there counts as deleted."""
    bucket = find_object_bucket(gateway, request, "s3:DeleteObject")
    wanted = read_delete(await read_small(request.body, DELETE_SIZE_BYTES_MAX))
    errors: dict[int, S3Error | None] = {}
    deletions: dict[int, Deletion] = {}
    for position, item in enumerate(wanted.objects):
        try:
            check_object_key(item.key)
            if _deletes_nothing(item.version_id):
                errors[position] = None
            else:
                deletions[position] = Deletion(item.key, _condition(item))
        except S3Error as error:
            errors[position] = error
    outcomes = await objects.delete_objects(gateway, bucket, list(deletions.values()))
    errors.update(zip(deletions, outcomes, strict=True))
    result = DeleteResult(
        deleted=[
            DeletedObject(item.key, item.version_id)
            for position, item in enumerate(wanted.objects)
            if errors[position] is None and not wanted.is_quiet
        ],
        failures=[
            DeleteFailure(item.key, refusal.code, message_of(refusal), item.version_id)
            for position, item in enumerate(wanted.objects)
            if (refusal := errors[position]) is not None
        ],
    )
    return S3Response(headers=[("content-type", "application/xml")], body=write_delete(result))


def _deletes_nothing(version_id: str | None) -> bool:
    """Whether a version is to be deleted that isn't there, which succeeds."""
    try:
        check_version_id(version_id)
    except NoSuchVersion:
        return True
    return False


def _condition(item: ObjectToDelete) -> DeleteCondition:
    return DeleteCondition(
        if_match=item.etag,
        if_match_size_bytes=item.size_bytes,
        if_match_last_modified_s=(
            None if item.last_modified_ms is None else item.last_modified_ms // 1000
        ),
    )
