"""Bringing an index of an earlier format up to date: its rows are copied into a new index, which
then takes its place (`rucket.store.index.replacement`). A crash leaves the one or the other, and
what comes out is packed as tightly as if it had been written in order.

| from | what changes                                                                    |
|------|---------------------------------------------------------------------------------|
| 1    | checks of rows cover the table, value or attachment, and the length of the key; |
|      | OUTCOMES: rows by place in the log (`rucket.state.outcome_conversion`)          |
| 2    | checks of attachments cover that of the value; long ones lie apart              |
|      | (`rucket.store.index.sqlite_rows`)                                              |

Every row is verified by its old check before it gets a new one: damage is not covered up.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from rucket.ports.index import Table
from rucket.state.outcome_conversion import convert_outcomes
from rucket.store.index.row_check import (
    checked_attachment_by_format_2,
    checked_by_format_1,
    checked_value,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from rucket.ports.index import Index

    Execute = Callable[..., Any]
    Check = Callable[[Table, bytes, bytes], bytes]

_ROWS_PER_STEP: Final = 1000
_STEPS_PER_SYNC: Final = 100
_ROWS_PER_REPORT: Final = 1_000_000

_CHECKS: Final[dict[int, tuple[Check, Check]]] = {
    1: (checked_by_format_1, checked_by_format_1),
    2: (checked_value, checked_attachment_by_format_2),
}
"""By format: what checks values, and what checks attachments."""

_logger = logging.getLogger(__name__)


def copy_rows(execute: Execute, format_version: int, new: Index) -> None:
    """Fills a new index with the rows of one of an earlier format, which `execute` reads.

    Raises:
        CorruptRowError: a row isn't what was written; the new index holds a part of them.
        StorageFullError: there is no room for it. Likewise.
    """
    row_count = step_count = 0
    for table in Table:
        key, comparison = b"", ">="
        while rows := list(
            execute(
                f"SELECT key, value, attachment FROM t{table} WHERE key {comparison} ?"  # noqa: S608
                " ORDER BY key LIMIT ?",
                (key, _ROWS_PER_STEP),
            )
        ):
            _put_rows(table, rows, format_version, new)
            key, comparison = rows[-1][0], ">"
            row_count += len(rows)
            step_count += 1
            if step_count % _STEPS_PER_SYNC == 0:
                new.sync()  # its WAL would grow to the size of all of it
            if row_count % _ROWS_PER_REPORT == 0:
                _logger.info("index: %d rows have been brought up to date", row_count)
    if format_version == 1:
        with new.transaction() as transaction:
            convert_outcomes(transaction)
    _logger.info(
        "index: all %d rows have been brought up from format %d", row_count, format_version
    )


def _put_rows(
    table: Table, rows: list[tuple[bytes, bytes, bytes | None]], format_version: int, new: Index
) -> None:
    check_value, check_attachment = _CHECKS[format_version]
    with new.transaction() as transaction:
        for key, stored, stored_attachment in rows:
            attachment = b""
            if stored_attachment is not None:
                attachment = check_attachment(table, key, stored_attachment)
            transaction.put(table, key, check_value(table, key, stored), attachment)
