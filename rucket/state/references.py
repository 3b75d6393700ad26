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


def any_garbage(content: Content, transaction: Transaction) -> bool:
    """Whether a blob of `content` is about to be removed.

    A new blob never is. But a command that comes again when its outcome is no longer kept may name
    one that it brought the first time, and that has been given up since.
    """
    return any(
        transaction.get(Table.GARBAGE, extent.blob_id) is not None for extent in content.extents
    )


def may_be_named(content: Content, transaction: Transaction, *, is_shared: bool) -> bool:
    """Whether a row may name the blobs of `content`: shared ones are in use, none is garbage."""
    if is_shared:
        return all_in_use(content, transaction)
    return not any_garbage(content, transaction)


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
