"""S3 through boto3. The only module that imports it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from rucket_platform.errors import ResourceRefused, ServerUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import DeleteTypeDef, ObjectIdentifierTypeDef

    from rucket_platform.clients.connection import Connection


def s3_client(connection: Connection, *, attempt_count_max: int = 5) -> S3Client:
    """A boto3 client that speaks to one endpoint, whatever proxy the environment names.

    The caller closes it.
    """
    client: S3Client = boto3.session.Session().client(
        "s3",
        endpoint_url=connection.endpoint,
        region_name=connection.s3_region,
        aws_access_key_id=connection.access_key_id,
        aws_secret_access_key=connection.secret_access_key,
        config=Config(
            s3={"addressing_style": "path"},
            retries={"max_attempts": attempt_count_max, "mode": "standard"},
            connect_timeout=5,
            read_timeout=30,
            proxies={},
        ),
    )
    return client


class Buckets:
    """The buckets of one region; a context that closes its connections."""

    def __init__(self, connection: Connection, *, attempt_count_max: int = 5) -> None:
        self._endpoint = connection.endpoint
        self._region = connection.s3_region
        self._client = s3_client(connection, attempt_count_max=attempt_count_max)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def names(self) -> list[str]:
        """The buckets that the requester owns.

        Raises:
            ResourceRefused: The server refused, for instance the keys.
            ServerUnreachable: The region doesn't answer.
        """
        try:
            answer = self._client.list_buckets()
        except ClientError as error:
            detail = error.response.get("Error", {})
            raise ResourceRefused(
                f"{detail.get('Code', _status(error))}: {detail.get('Message', '')}".rstrip(": ")
            ) from error
        except BotoCoreError as error:
            raise self._unreachable(error) from error
        return [bucket["Name"] for bucket in answer.get("Buckets", [])]

    def exists(self, bucket: str) -> bool:
        """Tell whether the bucket is there and ours.

        Raises:
            ResourceRefused: It belongs to somebody else.
            ServerUnreachable: The region doesn't answer.
        """
        try:
            self._client.head_bucket(Bucket=bucket)
        except ClientError as error:
            if _status(error) == 404:
                return False
            raise self._refused(bucket, error) from error
        except BotoCoreError as error:
            raise self._unreachable(error) from error
        return True

    def create(self, bucket: str) -> None:
        """Create the bucket.

        Raises:
            ResourceRefused: The server refused, for instance because it exists.
            ServerUnreachable: The region doesn't answer.
        """
        try:
            if self._region == "us-east-1":
                # There, S3 wants no constraint and answers a repeated create with 200.
                self._client.create_bucket(Bucket=bucket)
            else:
                self._client.create_bucket(
                    Bucket=bucket,
                    CreateBucketConfiguration={"LocationConstraint": self._region},  # type: ignore[typeddict-item]
                )
        except ClientError as error:
            raise self._refused(bucket, error) from error
        except BotoCoreError as error:
            raise self._unreachable(error) from error

    def delete(self, bucket: str, *, force: bool) -> None:
        """Delete the bucket; one that is gone already is fine.

        Args:
            bucket: Its name.
            force: Delete what is in it as well: objects, all versions of them (a retention that
                the requester may bypass doesn't keep them), unfinished uploads.

        Raises:
            ResourceRefused: It isn't empty and `force` is off, or the server refused.
            ServerUnreachable: The region doesn't answer.
        """
        try:
            if force:
                self._empty(bucket)
            self._client.delete_bucket(Bucket=bucket)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code == "NoSuchBucket":
                return
            if code == "BucketNotEmpty" and not force:
                raise ResourceRefused(
                    f"bucket {bucket} is not empty; empty it, or set force_destroy: true on it, "
                    f"run `up`, and remove it then"
                ) from error
            raise self._refused(bucket, error) from error
        except BotoCoreError as error:
            raise self._unreachable(error) from error

    def _empty(self, bucket: str) -> None:
        refused: list[str] = []
        for page in self._pages_of_keys(bucket):
            delete: DeleteTypeDef = {"Objects": page, "Quiet": True}
            errors = self._client.delete_objects(Bucket=bucket, Delete=delete).get("Errors", [])
            if any(error.get("Code") == "AccessDenied" for error in errors):
                # Only then: who may not bypass a retention is refused for the question alone.
                errors = self._client.delete_objects(
                    Bucket=bucket, Delete=delete, BypassGovernanceRetention=True
                ).get("Errors", [])
            refused += [f"{error.get('Code')}: {error.get('Message')}" for error in errors]
        uploads = self._client.get_paginator("list_multipart_uploads")
        for answer in uploads.paginate(Bucket=bucket):
            for upload in answer.get("Uploads", []):
                self._client.abort_multipart_upload(
                    Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                )
        if refused:
            raise ResourceRefused(
                f"bucket {bucket}: {len(refused)} versions in it can't be deleted: {refused[0]}"
            )

    def _pages_of_keys(self, bucket: str) -> Iterator[list[ObjectIdentifierTypeDef]]:
        try:
            yield from self._pages_of_versions(bucket)
        except ClientError as error:
            if _status(error) not in {400, 405, 501}:
                raise
            # A server without versions.
            for answer in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                page: list[ObjectIdentifierTypeDef] = [
                    {"Key": entry["Key"]} for entry in answer.get("Contents", [])
                ]
                if page:
                    yield page

    def _pages_of_versions(self, bucket: str) -> Iterator[list[ObjectIdentifierTypeDef]]:
        for answer in self._client.get_paginator("list_object_versions").paginate(Bucket=bucket):
            page: list[ObjectIdentifierTypeDef] = [
                {"Key": entry["Key"], "VersionId": entry["VersionId"]}
                for entry in (*answer.get("Versions", []), *answer.get("DeleteMarkers", []))
            ]
            if page:
                yield page

    def _refused(self, bucket: str, error: ClientError) -> ResourceRefused:
        detail = error.response.get("Error", {})
        return ResourceRefused(
            f"bucket {bucket}: {self._endpoint} answered {detail.get('Code', _status(error))}: "
            f"{detail.get('Message', '')}".rstrip(": ")
        )

    def _unreachable(self, error: BotoCoreError) -> ServerUnreachable:
        return ServerUnreachable(f"the region at {self._endpoint} does not answer: {error}")


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
