"""boto3 clients as a program would make them, and how a refusal by the server is expected.

The clients are `Any`: the same scenarios run with releases whose types differ.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.clients.scenarios.session import Session


def owner_client(session: Session) -> Any:
    """The bucket's owner."""
    return client_with(session, session.access_key, session.secret_key)


def stranger_client(session: Session) -> Any:
    """A user with no right to the bucket."""
    return client_with(session, session.stranger_access_key, session.stranger_secret_key)


def client_with(
    session: Session, access_key: str, secret_key: str, *, signature_version: str | None = None
) -> Any:
    """Whoever has these keys; no retries, so that a refusal is seen at once."""
    return boto3.client(
        "s3",
        endpoint_url=session.endpoint,
        region_name=session.region,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(
            signature_version=signature_version,
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": 1},
            max_pool_connections=16,
        ),
    )


@contextmanager
def refused(code: str, status: int) -> Iterator[None]:
    """Expect the block to be refused with this S3 error code and HTTP status."""
    try:
        yield
    except ClientError as error:
        found = (error.response["Error"]["Code"], _status(error))
        assert found == (code, status), f"refused with {found}, expected {(code, status)}"
    else:
        raise AssertionError(f"not refused, expected {code} ({status})")


def _status(error: ClientError) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
