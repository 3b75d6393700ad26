"""A row of the routing table."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rucket.wire.operation import Operation


class Level(enum.Enum):
    """What a request is about: everything, a bucket, or an object."""

    SERVICE = "service"
    BUCKET = "bucket"
    OBJECT = "object"


@dataclass(frozen=True, slots=True)
class Route:
    """An operation.

    Attributes:
        name: S3's, for logs and metrics.
        run: carries it out.
        checksum_covers_body: whether `x-amz-checksum-*` is about the request's body, and not about
            an object that the request names.
    """

    name: str
    run: Operation
    checksum_covers_body: bool = True
