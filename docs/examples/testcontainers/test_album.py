"""The album, on a Rucket that lives as long as these tests."""

import os
from collections.abc import Iterator

import pytest
from album import Album

from rucket_platform.containers import RucketContainer


@pytest.fixture(scope="module")
def rucket() -> Iterator[RucketContainer]:
    """One server for all tests of this file: it takes seconds to start, a bucket doesn't."""
    image = os.environ.get("RUCKET_IMAGE", "rucket:latest")
    with RucketContainer(image, buckets=["album"], users=["visitor"]) as container:
        yield container


def test_a_photo_is_never_replaced(rucket: RucketContainer) -> None:
    """Of two photos of one name, the first stays."""
    client = rucket.get_client()
    album = Album(client, "album")

    assert album.add("cat.jpg", b"miaow")
    assert not album.add("cat.jpg", b"woof")
    assert album.names() == ["cat.jpg"]
    client.close()


def test_a_visitor_sees_nothing(rucket: RucketContainer) -> None:
    """The album belongs to who made it."""
    client = rucket.get_client("visitor")

    with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
        Album(client, "album").names()
    client.close()
