"""The one table from error to HTTP status and S3's standard message, and the document.

Total over every ``S3Error``: a test walks the classes. Source: S3 API Reference, "Error responses".
"""

from __future__ import annotations

from rucket.model import errors
from rucket.wire.xml.escaping import escape

_TABLE: dict[type[errors.S3Error], tuple[int, str]] = {
    errors.AccessDenied: (403, "Access Denied"),
    errors.AuthorizationHeaderMalformed: (
        400,
        "The authorization header you provided is invalid.",
    ),
    errors.AuthorizationQueryParametersError: (
        400,
        "The authorization query parameters that you provided are not valid.",
    ),
    errors.BadDigest: (
        400,
        (
            "The Content-MD5 or checksum value that you specified did not match what the server "
            "received."
        ),
    ),
    errors.BucketAlreadyExists: (
        409,
        (
            "The requested bucket name is not available. The bucket namespace is shared by all "
            "users of the system. Please select a different name and try again."
        ),
    ),
    errors.BucketNotEmpty: (409, "The bucket you tried to delete is not empty"),
    errors.ConditionalRequestConflict: (
        409,
        (
            "A conflicting operation occurred. If using PutObject you can retry the request. If "
            "using multipart upload you should initiate another CreateMultipartUpload request and "
            "re-upload each part."
        ),
    ),
    errors.EntityTooLarge: (400, "Your proposed upload exceeds the maximum allowed size"),
    errors.EntityTooSmall: (
        400,
        "Your proposed upload is smaller than the minimum allowed size",
    ),
    errors.IllegalLocationConstraintException: (
        400,
        (
            "The specified location constraint is incompatible for the region specific endpoint "
            "this request was sent to."
        ),
    ),
    errors.IncompleteBody: (
        400,
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
    ),
    errors.InternalError: (500, "We encountered an internal error. Please try again."),
    errors.InvalidAccessKeyId: (
        403,
        "The AWS Access Key Id you provided does not exist in our records.",
    ),
    errors.InvalidArgument: (400, "Invalid Argument"),
    errors.InvalidBucketName: (400, "The specified bucket is not valid."),
    errors.InvalidDigest: (400, "The Content-MD5 you specified was invalid."),
    errors.InvalidPart: (
        400,
        (
            "One or more of the specified parts could not be found.  The part may not have been "
            "uploaded, or the specified entity tag may not match the part's entity tag."
        ),
    ),
    errors.InvalidPartNumber: (416, "The requested partnumber is not satisfiable"),
    errors.InvalidPartOrder: (
        400,
        "The list of parts was not in ascending order. Parts must be ordered by part number.",
    ),
    errors.InvalidRange: (416, "The requested range is not satisfiable"),
    errors.InvalidRequest: (400, "Invalid Request"),
    errors.InvalidStorageClass: (400, "The storage class you specified is not valid"),
    errors.InvalidToken: (400, "The provided token is malformed or otherwise invalid."),
    errors.InvalidURI: (400, "Couldn't parse the specified URI."),
    errors.KeyTooLongError: (400, "Your key is too long"),
    errors.MalformedXML: (
        400,
        "The XML you provided was not well-formed or did not validate against our published schema",
    ),
    errors.MaxMessageLengthExceeded: (400, "Your request was too large."),
    errors.MetadataTooLarge: (
        400,
        "Your metadata headers exceed the maximum allowed metadata size",
    ),
    errors.MethodNotAllowed: (405, "The specified method is not allowed against this resource."),
    errors.MissingSecurityHeader: (400, "Your request was missing a required header"),
    errors.NoSuchBucket: (404, "The specified bucket does not exist"),
    errors.NoSuchKey: (404, "The specified key does not exist."),
    errors.NoSuchUpload: (
        404,
        (
            "The specified upload does not exist. The upload ID may be invalid, or the upload may "
            "have been aborted or completed."
        ),
    ),
    errors.NoSuchVersion: (404, "The specified version does not exist."),
    errors.OperationNotImplemented: (
        501,
        "A header you provided implies functionality that is not implemented",
    ),
    errors.PreconditionFailed: (
        412,
        "At least one of the pre-conditions you specified did not hold",
    ),
    errors.RequestTimeout: (
        400,
        (
            "Your socket connection to the server was not read from or written to within the "
            "timeout period."
        ),
    ),
    errors.RequestTimeTooSkewed: (
        403,
        "The difference between the request time and the current time is too large.",
    ),
    errors.ServiceUnavailable: (503, "Service is unable to handle request."),
    errors.SignatureDoesNotMatch: (
        403,
        (
            "The request signature we calculated does not match the signature you provided. Check "
            "your key and signing method."
        ),
    ),
    errors.SlowDown: (503, "Please reduce your request rate."),
    errors.XAmzContentSHA256Mismatch: (
        400,
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
    ),
    errors.NoSuchBucketPolicy: (404, "The bucket policy does not exist"),
    errors.NoSuchCORSConfiguration: (404, "The CORS configuration does not exist"),
    errors.NoSuchLifecycleConfiguration: (404, "The lifecycle configuration does not exist"),
    errors.NoSuchPublicAccessBlockConfiguration: (
        404,
        "The public access block configuration was not found",
    ),
    errors.NoSuchTagSet: (404, "The TagSet does not exist"),
    errors.NoSuchWebsiteConfiguration: (
        404,
        "The specified bucket does not have a website configuration",
    ),
    errors.ObjectLockConfigurationNotFoundError: (
        404,
        "Object Lock configuration does not exist for this bucket",
    ),
    errors.OwnershipControlsNotFoundError: (404, "The bucket ownership controls were not found"),
    errors.ReplicationConfigurationNotFoundError: (
        404,
        "The replication configuration was not found",
    ),
    errors.ServerSideEncryptionConfigurationNotFoundError: (
        404,
        "The server side encryption configuration was not found",
    ),
    errors.NoSuchUser: (404, "There is no such user."),
    errors.NoSuchAccessKey: (404, "The user has no such access key."),
    errors.UserAlreadyExists: (
        409,
        "The name, canonical id, e-mail or access key belongs to another user.",
    ),
    errors.UserOwnsBuckets: (409, "The user owns buckets and can't be deleted."),
    errors.UserFromConfig: (409, "The user comes from the configuration; change it there."),
}


def status_of(error: errors.S3Error) -> int:
    """The HTTP status of an error."""
    return _TABLE[type(error)][0]


def message_of(error: errors.S3Error) -> str:
    """The error's own message, or else the standard one of its code."""
    return error.message or _TABLE[type(error)][1]


def render(error: errors.S3Error, resource: str, request_id: str, host_id: str) -> bytes:
    """The error document; answers to HEAD go without it.

    Args:
        error: what went wrong; its details become elements.
        resource: the path of the request, decoded.
        request_id: as in ``x-amz-request-id``.
        host_id: as in ``x-amz-id-2``.
    """
    details = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in error.details.items())
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{error.code}</Code><Message>{escape(message_of(error))}</Message>{details}"
        f"<Resource>{escape(resource)}</Resource><RequestId>{escape(request_id)}</RequestId>"
        f"<HostId>{escape(host_id)}</HostId></Error>"
    ).encode("utf-8", "xmlcharrefreplace")
