"""The preflight request of browsers: no bucket allows other origins yet.

Source: S3 API Reference, "OPTIONS object".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.errors import AccessDenied, InvalidRequest

if TYPE_CHECKING:
    from rucket.service.gateway import Gateway
    from rucket.wire.operation import S3Request, S3Response


async def cors_preflight(request: S3Request, gateway: Gateway) -> S3Response:  # noqa: ARG001 - an operation
    """Refuses."""
    if "origin" not in request.headers or "access-control-request-method" not in request.headers:
        raise InvalidRequest(
            "Insufficient information. Origin and Access-Control-Request-Method request headers "
            "are needed."
        )
    raise AccessDenied("CORSResponse: CORS is not enabled for this bucket.")
