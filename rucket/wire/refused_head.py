"""The answer to a head that the HTTP server doesn't understand: an error document all the same.

Source: S3 API Reference, "Error responses".
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from rucket.wire.xml.escaping import escape

if TYPE_CHECKING:
    from rucket.ports.asgi import HeaderPairs

_CODES = {
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "RequestHeaderSectionTooLarge",
    HTTPStatus.NOT_IMPLEMENTED: "NotImplemented",
    HTTPStatus.HTTP_VERSION_NOT_SUPPORTED: "HttpVersionNotSupported",
}
_CODE = "BadRequest"


def render_refused_head(status: HTTPStatus, reason: str) -> tuple[HeaderPairs, bytes]:
    """Headers and body. There is no request id: nothing is known of the request."""
    code = _CODES.get(status, _CODE)
    document = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{escape(reason)}</Message></Error>"
    )
    return [(b"content-type", b"application/xml"), (b"server", b"Rucket")], document.encode()
