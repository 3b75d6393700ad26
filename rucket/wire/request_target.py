"""Which bucket and key a request is about, and the parameters of its query.

::

    Host: s3.example.com            /bucket/some/key   path style
    Host: bucket.s3.example.com     /some/key          virtual-host style
    Host: 127.0.0.1:9000            /bucket/some/key   path style: an address has no buckets

The path is split before it is decoded: an encoded slash belongs to the key. Nothing is normalised,
``//`` and ``..`` are parts of a key like any other. Source: S3 User Guide, "Virtual hosting of
general purpose buckets".
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from rucket.model.errors import InvalidArgument
from rucket.model.names import check_object_key
from rucket.wire.percent_encoding import invalid_uri, percent_decode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rucket.model.names import ObjectKey

PARAMETERS_MAX = 256
_REMEMBERED_HOSTS_MAX = 256
_REMEMBERED_HOST_LENGTH_MAX = 256
_REMEMBERED_PARAMETERS_MAX = 1024
_REMEMBERED_PARAMETER_LENGTH_MAX = 256


class RequestTarget(msgspec.Struct, frozen=True):
    """What a request is about. A Struct, because one is made for every request.

    Args:
        bucket: as given, not checked for being a possible name; None for the service itself.
        key: None for the bucket itself.
        is_virtual_host: the bucket came from the host.
    """

    bucket: str | None
    key: ObjectKey | None
    is_virtual_host: bool = False


class QueryParameters:
    """The query: names to values in their order. A name without a value has an empty one.

    A repeated name keeps all its values; ``get`` answers with the first, ``single`` refuses.
    """

    __slots__ = ("_first", "_pairs")

    def __init__(self, pairs: tuple[tuple[str, str], ...]) -> None:
        self._pairs = pairs
        self._first = dict(reversed(pairs))

    def __contains__(self, name: object) -> bool:
        """Whether the parameter is there, with or without a value."""
        return name in self._first

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Names and values in order."""
        return iter(self._pairs)

    def __len__(self) -> int:
        """How many parameters, each repetition counted."""
        return len(self._pairs)

    def get(self, name: str) -> str | None:
        """The first value of ``name``; empty when it has none, None when it isn't there."""
        return self._first.get(name)

    def get_all(self, name: str) -> list[str]:
        """Every value of ``name`` in order."""
        return [value for candidate, value in self._pairs if candidate == name]

    def single(self, name: str) -> str | None:
        """The only value of ``name``, None when it isn't there.

        Raises:
            InvalidArgument: it is given more than once, so that nobody knows what was meant.
        """
        if name not in self._first:
            return None
        values = self.get_all(name)
        if len(values) > 1:
            raise InvalidArgument(
                f"The parameter {name} was given more than once.",
                ArgumentName=name,
                ArgumentValue=values[1],
            )
        return values[0]


NO_PARAMETERS = QueryParameters(())


def resolve_target(host: str, raw_path: bytes, domains: tuple[str, ...]) -> RequestTarget:
    """Find bucket and key.

    Args:
        host: the ``Host`` header, with or without a port.
        raw_path: as on the request line, percent-encoded.
        domains: lower-case base domains; a host below one of them names a bucket.

    Raises:
        InvalidURI: the path isn't one, or its bytes aren't percent-encoded UTF-8.
        KeyTooLongError: the key has more than 1,024 bytes.
    """
    if raw_path[:1] != b"/":
        raise invalid_uri(raw_path)
    bucket = _bucket_of_host(host, domains) if domains else None
    if bucket is not None:
        return RequestTarget(bucket, _key(raw_path[1:]), is_virtual_host=True)
    raw_bucket, _, raw_key = raw_path[1:].partition(b"/")
    if not raw_bucket:
        if raw_key:
            raise invalid_uri(raw_path)
        return RequestTarget(None, None)
    return RequestTarget(percent_decode(raw_bucket), _key(raw_key))


def parse_query(raw_query: bytes) -> QueryParameters:
    """Read a query. ``+`` stands for itself, as it does in the signature.

    Raises:
        InvalidURI: a name or value isn't percent-encoded UTF-8, or there are too many of them.
    """
    if not raw_query:
        return NO_PARAMETERS
    parameters = raw_query.split(b"&", PARAMETERS_MAX)
    if len(parameters) > PARAMETERS_MAX:
        raise invalid_uri(raw_query)
    return QueryParameters(
        tuple(
            [
                _parameter(parameter)
                if len(parameter) > _REMEMBERED_PARAMETER_LENGTH_MAX
                else _remembered_parameter(parameter)
                for parameter in parameters
                if parameter
            ]
        )
    )


def _parameter(parameter: bytes) -> tuple[str, str]:
    name, _, value = parameter.partition(b"=")
    return percent_decode(name), percent_decode(value)


_remembered_parameter = lru_cache(maxsize=_REMEMBERED_PARAMETERS_MAX)(_parameter)


def _key(raw_key: bytes) -> ObjectKey | None:
    return check_object_key(percent_decode(raw_key)) if raw_key else None


def _bucket_of_host(host: str, domains: tuple[str, ...]) -> str | None:
    """The labels in front of the longest of ``domains`` that the host lies below."""
    # Anybody can make us remember texts, so that long ones aren't.
    if len(host) > _REMEMBERED_HOST_LENGTH_MAX:
        return _find_bucket_of_host(host, domains)
    return _remembered_bucket_of_host(host, domains)


@lru_cache(maxsize=_REMEMBERED_HOSTS_MAX)
def _remembered_bucket_of_host(host: str, domains: tuple[str, ...]) -> str | None:
    return _find_bucket_of_host(host, domains)


def _find_bucket_of_host(host: str, domains: tuple[str, ...]) -> str | None:
    name = host.lower()
    if name[-1:] != "]":
        before, colon, port = name.rpartition(":")
        if colon and not port.strip("0123456789"):
            name = before
    name = name.removesuffix(".")
    if name in domains:
        return None
    best = ""
    for domain in domains:
        if len(domain) > len(best) and name.endswith("." + domain):
            best = domain
    return name[: -len(best) - 1] or None if best else None
