"""Who uses which blob: reference counts, and the list of blobs that nobody uses any more.

A blob is garbage from the moment its last reference goes; the maintenance process then removes it
from the devices and has it forgotten (`ForgetGarbage`). What is garbage never comes back to life:
a copy that wants to share it is told to look again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.ports.index import Table
from rucket.state.rows import put_garbage, put_reference_count, reference_count

if TYPE_CHECKING:
    from rucket.model.records import Content
    from rucket.ports.index import Transaction


def all_in_use(content: Content, transaction: Transaction) -> bool:
    """Whether every blob of `content` is named by a row already."""
    return all(reference_count(transaction, extent.blob_id) > 0 for extent in content.extents)


def acquire(content: Content, transaction: Transaction) -> None:
    """Counts one reference more for each extent."""
    for extent in content.extents:
        count = reference_count(transaction, extent.blob_id)
        put_reference_count(transaction, extent.blob_id, count + 1)


def release(content: Content, hlc: int, transaction: Transaction) -> None:
    """Counts one reference less for each extent; a blob without any becomes garbage."""
    for extent in content.extents:
        count = reference_count(transaction, extent.blob_id)
        if count > 1:
            put_reference_count(transaction, extent.blob_id, count - 1)
        else:
            transaction.delete(Table.BLOB_REFERENCES, extent.blob_id)
            put_garbage(transaction, extent.blob_id, hlc)
