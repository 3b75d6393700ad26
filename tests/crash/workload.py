"""Clients that write, overwrite, delete and read while a server is being killed."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.crash.history import KeyHistory, Value

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from tests.server_process import Credentials

BUCKET = "crash"
_KEYS_PER_WRITER = 12
_SIZES_BYTES = (0, 100, 1024, 8 * 1024, 9 * 1024, 64 * 1024, 300_000, 1024 * 1024)
_PART_SIZE_BYTES = 5 * 1024 * 1024
_UNKNOWN_STATUSES = range(500, 600)


def connect(endpoint: str, credentials: Credentials) -> S3Client:
    """A client that tries once: a retry would hide what became of the first attempt."""
    client: S3Client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        config=Config(
            retries={"total_max_attempts": 1},
            connect_timeout=5,
            read_timeout=60,
            s3={"addressing_style": "path"},
        ),
    )
    return client


class Writer(threading.Thread):
    """One client with keys of its own, at work until `stop`."""

    def __init__(self, number: int, seed: int, endpoint: str, credentials: Credentials) -> None:
        super().__init__(name=f"writer-{number}", daemon=True)
        self._origin = (number, seed, endpoint, credentials)
        self._random = random.Random(f"{seed}/{number}")
        self._client = connect(endpoint, credentials)
        self._stopping = threading.Event()
        self.histories = [KeyHistory(f"w{number}/k{i:02}") for i in range(_KEYS_PER_WRITER)]
        self.violations: list[str] = []
        self.acknowledged_count = 0
        self._operation = 0

    def successor(self) -> Writer:
        """A new thread that goes on where this one ended: with its keys and what it knows."""
        number, seed, endpoint, credentials = self._origin
        successor = Writer(number, seed, endpoint, credentials)
        successor._random = self._random
        successor._operation = self._operation
        successor.histories = self.histories
        successor.violations = self.violations
        successor.acknowledged_count = self.acknowledged_count
        return successor

    def stop(self) -> None:
        """Ends after the operation in flight."""
        self._stopping.set()

    def run(self) -> None:
        """Works."""
        while not self._stopping.is_set():
            history = self._random.choice(self.histories)
            action = self._random.choices(
                (self._put_object, self._delete_object, self._multipart, self._read_object),
                (60, 10, 3, 27),
            )[0]
            action(history)

    def check(self, history: KeyHistory) -> bytes | None:
        """Reads a key and compares; for after the crash, when every read has to work."""
        body = self._get(history.key)
        if (violation := history.observe(body)) is not None:
            self.violations.append(violation)
        return body

    def _get(self, key: str) -> bytes | None:
        try:
            return self._client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise

    def _read_object(self, history: KeyHistory) -> None:
        try:
            body = self._get(history.key)
        except (BotoCoreError, ClientError):
            return  # killed meanwhile
        if (violation := history.observe(body)) is not None:
            self.violations.append(violation)

    def _put_object(self, history: KeyHistory) -> None:
        value = self._new_value(self._random.choice(_SIZES_BYTES))
        history.begin(value)
        self._settle(
            history,
            value,
            lambda: self._client.put_object(
                Bucket=BUCKET, Key=history.key, Body=value.body(history.key)
            ),
        )

    def _delete_object(self, history: KeyHistory) -> None:
        history.begin(None)
        self._settle(
            history, None, lambda: self._client.delete_object(Bucket=BUCKET, Key=history.key)
        )

    def _multipart(self, history: KeyHistory) -> None:
        value = self._new_value(_PART_SIZE_BYTES + 1000)
        body = value.body(history.key)
        pieces = [body[:_PART_SIZE_BYTES], body[_PART_SIZE_BYTES:]]
        place: Any = {"Bucket": BUCKET, "Key": history.key}
        try:
            upload_id = self._client.create_multipart_upload(**place)["UploadId"]
            etags = [
                self._client.upload_part(
                    **place, UploadId=upload_id, PartNumber=number, Body=piece
                )["ETag"]
                for number, piece in enumerate(pieces, 1)
            ]
        except (BotoCoreError, ClientError):
            return  # killed meanwhile; nothing of it can be seen
        history.begin(value)
        parts: Any = [{"PartNumber": n, "ETag": etag} for n, etag in enumerate(etags, 1)]
        self._settle(
            history,
            value,
            lambda: self._client.complete_multipart_upload(
                **place,
                UploadId=upload_id,
                MultipartUpload={"Parts": parts},
            ),
        )

    def _new_value(self, size_bytes: int) -> Value:
        self._operation += 1
        return Value(self._operation, size_bytes)

    def _settle(self, history: KeyHistory, value: Value | None, call: object) -> None:
        assert callable(call)
        try:
            call()
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status not in _UNKNOWN_STATUSES:
                history.refuse()
                self.violations.append(f"{history.key}: unexpected refusal: {error}")
        except BotoCoreError:
            return  # no answer: it may have happened or not
        else:
            history.acknowledge(value)
            self.acknowledged_count += 1
