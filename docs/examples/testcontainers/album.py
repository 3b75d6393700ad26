"""What the project does: an album of photos in a bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


class Album:
    """Photos of one bucket."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def add(self, name: str, photo: bytes) -> bool:
        """Keep a photo; False if there is one of that name already, which stays as it is."""
        try:
            self._client.put_object(Bucket=self._bucket, Key=name, Body=photo, IfNoneMatch="*")
        except self._client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] == "PreconditionFailed":
                return False
            raise
        return True

    def names(self) -> list[str]:
        """The names of all photos, sorted."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]
