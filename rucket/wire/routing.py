"""Which operation a request is: the table from method, level and subresource to operation.

::

    level        /              service
                 /bucket        bucket
                 /bucket/key    object

    subresource  a query parameter that makes another operation of it: ``?acl``, ``?uploads`` …

A subresource never falls through to the plain operation: ``PUT /bucket/key?acl`` must not write an
object. One that S3 has and this server hasn't is NotImplemented; two of them conflict. All other
parameters are for the operation to read or ignore. Source: S3 API Reference, "Operations".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.errors import InvalidArgument, MethodNotAllowed, OperationNotImplemented
from rucket.wire.operations.abort_multipart_upload import abort_multipart_upload
from rucket.wire.operations.complete_multipart_upload import complete_multipart_upload
from rucket.wire.operations.copy_object import copy_object
from rucket.wire.operations.cors_preflight import cors_preflight
from rucket.wire.operations.create_bucket import create_bucket
from rucket.wire.operations.create_multipart_upload import create_multipart_upload
from rucket.wire.operations.delete_bucket import delete_bucket
from rucket.wire.operations.delete_object import delete_object
from rucket.wire.operations.delete_objects import delete_objects
from rucket.wire.operations.get_acl import get_bucket_acl, get_object_acl
from rucket.wire.operations.get_bucket_location import get_bucket_location
from rucket.wire.operations.get_object import get_object
from rucket.wire.operations.get_object_tagging import get_object_tagging
from rucket.wire.operations.head_bucket import head_bucket
from rucket.wire.operations.head_object import head_object
from rucket.wire.operations.list_buckets import list_buckets
from rucket.wire.operations.list_multipart_uploads import list_multipart_uploads
from rucket.wire.operations.list_object_versions import list_object_versions
from rucket.wire.operations.list_objects import list_objects
from rucket.wire.operations.list_objects_v2 import list_objects_v2
from rucket.wire.operations.list_parts import list_parts
from rucket.wire.operations.put_object import put_object
from rucket.wire.operations.upload_part import upload_part
from rucket.wire.operations.upload_part_copy import upload_part_copy
from rucket.wire.route import Level, Route
from rucket.wire.subresource_routes import DELETE_ROUTES, READ_ROUTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rucket.wire.request_target import QueryParameters, RequestTarget

_PLAIN = ""  # no subresource

_TABLE: dict[tuple[Level, str], dict[str, Route]] = {
    (Level.SERVICE, "GET"): {_PLAIN: Route("ListBuckets", list_buckets)},
    (Level.BUCKET, "GET"): {
        _PLAIN: Route("ListObjects", list_objects),
        "list-type": Route("ListObjectsV2", list_objects_v2),
        "versions": Route("ListObjectVersions", list_object_versions),
        "uploads": Route("ListMultipartUploads", list_multipart_uploads),
        "location": Route("GetBucketLocation", get_bucket_location),
        "acl": Route("GetBucketAcl", get_bucket_acl),
        **READ_ROUTES,
    },
    (Level.BUCKET, "HEAD"): {_PLAIN: Route("HeadBucket", head_bucket)},
    (Level.BUCKET, "PUT"): {_PLAIN: Route("CreateBucket", create_bucket)},
    (Level.BUCKET, "DELETE"): {_PLAIN: Route("DeleteBucket", delete_bucket), **DELETE_ROUTES},
    (Level.BUCKET, "POST"): {"delete": Route("DeleteObjects", delete_objects)},
    (Level.OBJECT, "GET"): {
        _PLAIN: Route("GetObject", get_object),
        "uploadId": Route("ListParts", list_parts),
        "acl": Route("GetObjectAcl", get_object_acl),
        "tagging": Route("GetObjectTagging", get_object_tagging),
    },
    (Level.OBJECT, "HEAD"): {_PLAIN: Route("HeadObject", head_object)},
    (Level.OBJECT, "PUT"): {
        _PLAIN: Route("PutObject", put_object),
        "uploadId": Route("UploadPart", upload_part),
    },
    (Level.OBJECT, "POST"): {
        "uploads": Route("CreateMultipartUpload", create_multipart_upload),
        "uploadId": Route(
            "CompleteMultipartUpload", complete_multipart_upload, checksum_covers_body=False
        ),
    },
    (Level.OBJECT, "DELETE"): {
        _PLAIN: Route("DeleteObject", delete_object),
        "uploadId": Route("AbortMultipartUpload", abort_multipart_upload),
    },
}
_COPIES = {
    "PutObject": Route("CopyObject", copy_object),
    "UploadPart": Route("UploadPartCopy", upload_part_copy),
}
_PREFLIGHT = Route("PreflightRequest", cors_preflight)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SUBRESOURCES = {
    Level.SERVICE: _words("Action events"),
    Level.BUCKET: _words(
        """
        abac accelerate acl analytics cors delete encryption events intelligent-tiering inventory
        lifecycle list-type location logging metadataConfiguration metadataInventoryTable
        metadataJournalTable metadataTable metrics notification object-lock ownershipControls policy
        policyStatus publicAccessBlock replication requestPayment session tagging uploads versioning
        versions website
        """
    ),
    Level.OBJECT: _words(
        """
        acl append attributes encryption legal-hold renameObject restore retention select tagging
        torrent uploadId uploads
        """
    ),
}


def is_preflight(method: str) -> bool:
    """Whether the request is a browser's question, which is never signed."""
    return method == "OPTIONS"


def find_route(
    method: str, target: RequestTarget, query: QueryParameters, headers: Mapping[str, str]
) -> Route:
    """The operation that a request is.

    Raises:
        MethodNotAllowed: there is no such operation in S3.
        OperationNotImplemented: there is, but not here.
        InvalidArgument: the parameters contradict each other.
    """
    if is_preflight(method):
        return _PREFLIGHT
    level = _level(target)
    subresource = _subresource(level, query)
    route = _TABLE.get((level, method), {}).get(subresource)
    if route is None:
        if subresource or (level, method) == (Level.BUCKET, "POST"):
            raise OperationNotImplemented(
                "This operation isn't implemented.", ResourceType=subresource or "form upload"
            )
        raise MethodNotAllowed(Method=method, ResourceType=level.value.upper())
    if level is Level.OBJECT:
        _check_object_parameters(method, subresource, query)
        if method == "PUT" and "x-amz-copy-source" in headers:
            return _COPIES[route.name]
    return route


def _level(target: RequestTarget) -> Level:
    if target.bucket is None:
        return Level.SERVICE
    return Level.BUCKET if target.key is None else Level.OBJECT


def _subresource(level: Level, query: QueryParameters) -> str:
    if not len(query):
        return _PLAIN
    known = _SUBRESOURCES[level]
    found = {name for name, _ in query if name in known}
    if len(found) > 1:
        conflicting = ", ".join(sorted(found))
        raise InvalidArgument(
            f"Conflicting query string parameters: {conflicting}",
            ArgumentName="ResourceType",
            ArgumentValue=conflicting,
        )
    return found.pop() if found else _PLAIN


def _check_object_parameters(method: str, subresource: str, query: QueryParameters) -> None:
    """What would make another request of it than the client means."""
    if not len(query):
        return
    has_part_number = "partNumber" in query
    is_part_upload = method == "PUT" and subresource == "uploadId"
    if has_part_number != is_part_upload and method in ("PUT", "DELETE", "POST"):
        raise InvalidArgument(
            "partNumber and uploadId have to be given together.",
            ArgumentName="partNumber",
            ArgumentValue=query.get("partNumber") or "",
        )
    version_id = query.single("versionId")
    if version_id is not None and version_id != "null":
        raise InvalidArgument(
            "Invalid version id specified",
            ArgumentName="versionId",
            ArgumentValue=version_id,
        )
