"""What RewrapDataKey does: a data key gets another wrapping, and nothing else changes.

Neither version nor Last-Modified of the object change: for its readers nothing has happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from rucket.ports.index import Table
from rucket.state.outcomes import Committed, Conflicted, Outcome
from rucket.state.rows import OBJECT, UPLOAD, find_upload, object_row_key, upload_row_key

if TYPE_CHECKING:
    from rucket.ports.index import Transaction
    from rucket.state.commands import RewrapDataKey


def rewrap_data_key(command: RewrapDataKey, hlc: int, transaction: Transaction) -> Outcome:
    """Replaces the encryption record of the version, or of the upload, if it is still the one that
    was seen.
    """
    if command.upload_id:
        return _rewrap_upload(command, hlc, transaction)
    row_key = object_row_key(command.bucket_id, command.key)
    row = transaction.get_with_attachment(Table.OBJECTS, row_key)
    metadata = None if row is None else OBJECT.decode(row[0])
    if (
        row is None
        or metadata is None
        or metadata.version_id != command.version_id
        or metadata.encryption != command.expected
    ):
        return Conflicted()
    rewrapped = msgspec.structs.replace(metadata, encryption=command.record)
    transaction.put(Table.OBJECTS, row_key, OBJECT.encode(rewrapped), row[1])
    return Committed(hlc, version_id=metadata.version_id, etag=metadata.etag)


def _rewrap_upload(command: RewrapDataKey, hlc: int, transaction: Transaction) -> Outcome:
    upload = find_upload(transaction, command.bucket_id, command.key, command.upload_id)
    if upload is None or upload.template.encryption != command.expected:
        return Conflicted()
    template = msgspec.structs.replace(upload.template, encryption=command.record)
    row_key = upload_row_key(command.bucket_id, command.key, command.upload_id)
    transaction.put(
        Table.UPLOADS, row_key, UPLOAD.encode(msgspec.structs.replace(upload, template=template))
    )
    return Committed(hlc)
