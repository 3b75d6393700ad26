"""Who makes a request, once the signature has been verified."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Requester:
    """Who makes a request.

    Attributes:
        canonical_id: what ownership is recorded by.
        name: the user's name; empty for anonymous requests.
        display_name: shown with the canonical id in S3 documents.
        is_root: whether the admin API listens.
        is_anonymous: whether nobody signed.
    """

    canonical_id: str
    name: str
    display_name: str
    is_root: bool = False
    is_anonymous: bool = False


ANONYMOUS = Requester(
    canonical_id="65a011a29cdf8ec533ec3d1ccaae921c",  # the id S3 gives to anonymous uploads
    name="",
    display_name="",
    is_anonymous=True,
)
