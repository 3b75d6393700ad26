"""What CopyObject and UploadPartCopy say of where they copy from. Source: S3 API Reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.errors import AccessDenied, InvalidArgument, InvalidRequest, PreconditionFailed
from rucket.service.buckets import authorized_bucket
from rucket.service.objects import current_object_with_content, modified_ms
from rucket.wire.copy_source import CopySource, parse_copy_source
from rucket.wire.object_request import check_version_id
from rucket.wire.preconditions import Verdict, parse_copy_source_preconditions

if TYPE_CHECKING:
    from rucket.model.records import Content, ObjectMetadata
    from rucket.ports.index import Snapshot
    from rucket.wire.operation import S3Request

COPY_SIZE_BYTES_MAX = 5 * 1024**3


class CopySourceRequest:
    """The source of a copy: where it is, and when it may be copied.

    Raises:
        InvalidArgument: the request names none.
    """

    def __init__(self, request: S3Request) -> None:
        header = request.headers.get("x-amz-copy-source")
        if header is None:
            raise InvalidArgument(ArgumentName="x-amz-copy-source", ArgumentValue="")
        self.source: CopySource = parse_copy_source(header)
        self._requester = request.requester
        self._expected_owner_id = request.headers.get("x-amz-source-expected-bucket-owner")
        self._preconditions = parse_copy_source_preconditions(request.headers)

    def find(self, snapshot: Snapshot) -> tuple[ObjectMetadata, Content]:
        """The source, and where its bytes are.

        Raises:
            NoSuchBucket, NoSuchKey, NoSuchVersion: it isn't there.
            AccessDenied: the requester may not read it, or somebody else's was meant.
        """
        bucket = authorized_bucket(snapshot, self._requester, "s3:GetObject", self.source.bucket)
        if self._expected_owner_id not in (None, bucket.owner_id):
            raise AccessDenied
        check_version_id(self.source.version_id)
        return current_object_with_content(snapshot, bucket, self.source.key)

    def check(self, source: ObjectMetadata, size_bytes: int | None = None) -> None:
        """Returns if the source may be copied; `size_bytes` of it, or all.

        Raises:
            PreconditionFailed: a condition on the source doesn't hold.
            InvalidRequest: that is more than S3 copies at once.
        """
        verdict = self._preconditions.evaluate_copy(source.etag, modified_ms(source))
        if verdict is not Verdict.PROCEED:
            raise PreconditionFailed
        if (source.size_bytes if size_bytes is None else size_bytes) > COPY_SIZE_BYTES_MAX:
            raise InvalidRequest(
                "The specified copy source is larger than the maximum allowable size for a copy "
                f"source: {COPY_SIZE_BYTES_MAX}"
            )
