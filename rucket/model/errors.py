"""Every error that Rucket raises on purpose, and who has to act on it.

::

    RucketError
    ├── S3Error                  the client's to mend; one class per S3 error code
    │   ├── AccessDenied, NoSuchKey, …
    │   └── …
    └── OperatingError           the operator's to mend; says what to do
        ├── ConfigurationError   a setting is wrong: named, with the mend
        ├── DataDirectoryError   the data directory can't be used as it is
        ├── CorruptionError      bytes on disk aren't what was written
        │   └── CorruptRowError  those of one row, whose key is known
        ├── UnknownFormatError   written by a newer Rucket
        ├── OutdatedFormatError  written by an older Rucket; a start brings it up to date
        ├── LogPositionLostError what a consumer of the log would read next is gone
        ├── DeliveryFailedError  events weren't taken
        ├── EncryptionKeyError   a master key that is needed isn't configured
        ├── StorageFullError     no room left
        ├── DeviceError          the device refused a read or a write
        │   └── DeviceUnavailableError   it is lost, or no device takes blobs: passing, for a client
        ├── OverloadedError      more waits than may; nothing happened, try again later
        ├── LogFailedError       the log could not be made durable; the node must stop
        └── CommitUnknownError   the node went away; the command may or may not have happened

An ``S3Error`` knows nothing of HTTP: ``rucket.wire.error_document`` holds the one table from class
to status and message. Source: the S3 API Reference, "Error responses".
"""

from __future__ import annotations

from typing import ClassVar


class RucketError(Exception):
    """The root of everything raised on purpose."""


_S3_ERRORS: dict[str, type[S3Error]] = {}


def s3_error_by_code(code: str) -> type[S3Error]:
    """The class of an S3 error code; KeyError for a code that no class has."""
    return _S3_ERRORS[code]


class S3Error(RucketError):
    """An answer the client gets as an S3 error document.

    Args:
        message: replaces the standard message of the code where more can be said.
        details: extra elements of the error document, by their S3 names
            (``BucketName``, ``Key``, ``ArgumentName`` …).
    """

    code: ClassVar[str] = ""

    def __init__(self, message: str = "", **details: str) -> None:
        super().__init__(message or self.code)
        self.message = message
        self.details = details

    def __init_subclass__(cls) -> None:
        cls.code = cls.__dict__.get("code", cls.__name__)
        _S3_ERRORS[cls.code] = cls


class AccessDenied(S3Error): ...


class AuthorizationHeaderMalformed(S3Error): ...


class AuthorizationQueryParametersError(S3Error): ...


class BadDigest(S3Error): ...


class BucketAlreadyExists(S3Error): ...


class BucketNotEmpty(S3Error): ...


class ConditionalRequestConflict(S3Error): ...


class EntityTooLarge(S3Error): ...


class EntityTooSmall(S3Error): ...


class IllegalLocationConstraintException(S3Error): ...


class IncompleteBody(S3Error): ...


class InternalError(S3Error): ...


class InvalidAccessKeyId(S3Error): ...


class InvalidArgument(S3Error): ...


class InvalidBucketName(S3Error): ...


class InvalidDigest(S3Error): ...


class InvalidPart(S3Error): ...


class InvalidPartNumber(S3Error): ...


class InvalidPartOrder(S3Error): ...


class InvalidRange(S3Error): ...


class InvalidRequest(S3Error): ...


class InvalidStorageClass(S3Error): ...


class InvalidToken(S3Error): ...


class InvalidURI(S3Error): ...


class KeyTooLongError(S3Error): ...


class MalformedXML(S3Error): ...


class MaxMessageLengthExceeded(S3Error): ...


class MetadataTooLarge(S3Error): ...


class MethodNotAllowed(S3Error): ...


class MissingSecurityHeader(S3Error): ...


class NoSuchBucket(S3Error): ...


class NoSuchKey(S3Error): ...


class NoSuchUpload(S3Error): ...


class NoSuchVersion(S3Error): ...


class OperationNotImplemented(S3Error):
    """S3's ``NotImplemented``, under a name that doesn't shadow the builtin."""

    code = "NotImplemented"


class PreconditionFailed(S3Error): ...


class RequestTimeout(S3Error): ...


class RequestTimeTooSkewed(S3Error): ...


class ServiceUnavailable(S3Error): ...


class SignatureDoesNotMatch(S3Error): ...


class SlowDown(S3Error): ...


class XAmzContentSHA256Mismatch(S3Error): ...


class NoSuchBucketPolicy(S3Error): ...


class NoSuchCORSConfiguration(S3Error): ...


class NoSuchLifecycleConfiguration(S3Error): ...


class NoSuchPublicAccessBlockConfiguration(S3Error): ...


class NoSuchTagSet(S3Error): ...


class NoSuchWebsiteConfiguration(S3Error): ...


class ObjectLockConfigurationNotFoundError(S3Error): ...


class OwnershipControlsNotFoundError(S3Error): ...


class ReplicationConfigurationNotFoundError(S3Error): ...


class ServerSideEncryptionConfigurationNotFoundError(S3Error): ...


class NoSuchUser(S3Error):
    """Admin API: there is no such user."""


class NoSuchAccessKey(S3Error):
    """Admin API: the user has no such access key."""


class UserAlreadyExists(S3Error):
    """Admin API: the name, canonical id, e-mail or access key belongs to somebody."""


class UserOwnsBuckets(S3Error):
    """Admin API: a user who owns buckets can't be deleted."""


class UserFromConfig(S3Error):
    """Admin API: users of the configuration are changed there."""


class OperatingError(RucketError):
    """Something an operator has to mend; the message says what to do."""


class ConfigurationError(OperatingError):
    """A setting is unknown, malformed or unsafe. The process exits with code 2."""


class DataDirectoryError(OperatingError):
    """The data directory is in use, not ours, or not writable."""


class CorruptionError(OperatingError):
    """Bytes read back aren't the bytes written: nothing of them may be served.

    Args:
        what: the file, row or blob.
        detail: what was expected and what was found.
    """

    def __init__(self, what: str, detail: str) -> None:
        super().__init__(f"{what} is corrupt: {detail}")
        self.what = what
        self.detail = detail


class CorruptRowError(CorruptionError):
    """A row of the index isn't what was written; the rows after it can still be read.

    Args:
        table: its table's name.
        key: the row's key, as far as it can be trusted.
    """

    def __init__(self, table: str, key: bytes, detail: str) -> None:
        super().__init__(f"a row of {table}", detail)
        self.key = key


class UnknownFormatError(OperatingError):
    """A file or message has a format_version this Rucket doesn't know.

    Args:
        what: the file or message.
        found: its format_version.
        known: the newest format_version known here.
    """

    def __init__(self, what: str, found: int, known: int) -> None:
        super().__init__(
            f"{what} has format_version {found}; this Rucket knows up to {known}: use a newer one"
        )
        self.found = found
        self.known = known


class OutdatedFormatError(OperatingError):
    """A file has an earlier format_version, and who reads it may not change it.

    Args:
        what: the file.
        found: its format_version.
        current: the one it will have.
    """

    def __init__(self, what: str, found: int, current: int) -> None:
        super().__init__(
            f"{what} has format_version {found}: start the server once, "
            f"which brings it up to {current}"
        )
        self.found = found
        self.current = current


class LogPositionLostError(OperatingError):
    """What a consumer of the log would read next is no longer there.

    Args:
        after: the last record it has read.
        first_sequence_number: of the oldest record that it can still read.
    """

    def __init__(self, after: int, first_sequence_number: int) -> None:
        super().__init__(
            f"the record after {after} can't be read any more; the first that can is "
            f"{first_sequence_number}"
        )
        self.first_sequence_number = first_sequence_number


class DeliveryFailedError(OperatingError):
    """Somebody who is to be told of events didn't take them, or it isn't known whether they did."""


class EncryptionKeyError(OperatingError):
    """What is stored is encrypted under a master key that isn't configured.

    Args:
        key_id: of the master key, hexadecimal digits.
    """

    def __init__(self, key_id: str) -> None:
        super().__init__(
            f"master key {key_id} is needed to read what is stored, and isn't configured: "
            "add it to storage.encryption.previous_keys"
        )
        self.key_id = key_id


class StorageFullError(OperatingError):
    """No space is left; reads go on, writes are refused until space returns."""


class DeviceError(OperatingError):
    """A device failed a read, a write or a sync."""


class DeviceUnavailableError(DeviceError):
    """A device that blobs are on is lost, or no device takes any; what needs none goes on."""


class OverloadedError(OperatingError):
    """More commands wait than may wait. This one wasn't taken; the client tries again later."""


class LogFailedError(OperatingError):
    """The log could not be made durable. What it holds is unknown until it is read again:
    the node stops and recovers.
    """


class CommitUnknownError(OperatingError):
    """The node went away before it answered: the command may or may not have been committed."""
