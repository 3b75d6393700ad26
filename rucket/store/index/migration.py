"""Bringing an index of an earlier format up to date, in one transaction, so that a crash leaves it
as it was.

| from | what changes                                                                    |
|------|---------------------------------------------------------------------------------|
| 1    | checks of rows cover the table, value or attachment, and the length of the key; |
|      | OUTCOMES: rows by place in the log (`rucket.state.outcome_conversion`)          |

Every row is verified by its old check before it gets a new one: damage is not covered up.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from rucket.ports.index import Table
from rucket.store.index.row_check import (
    attachment_with_check,
    checked_by_format_1,
    value_with_check,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Execute = Callable[..., Any]

_ROWS_PER_STEP: Final = 1000
_ROWS_PER_REPORT: Final = 1_000_000

_logger = logging.getLogger(__name__)


def migrate_from_1(execute: Execute) -> None:
    """Rewrites the check of every row, within the caller's transaction.

    Raises:
        CorruptRowError: a row isn't what was written.
    """
    row_count = 0
    for table in Table:
        key, comparison = b"", ">="
        while rows := list(
            execute(
                f"SELECT key, value, attachment FROM t{table} WHERE key {comparison} ?"  # noqa: S608
                " ORDER BY key LIMIT ?",
                (key, _ROWS_PER_STEP),
            )
        ):
            for key, stored, stored_attachment in rows:
                value = value_with_check(table, key, checked_by_format_1(table, key, stored))
                attachment = None
                if stored_attachment is not None:
                    content = checked_by_format_1(table, key, stored_attachment)
                    attachment = attachment_with_check(table, key, content)
                execute(
                    f"UPDATE t{table} SET value = ?, attachment = ? WHERE key = ?",  # noqa: S608
                    (value, attachment, key),
                )
                row_count += 1
                if row_count % _ROWS_PER_REPORT == 0:
                    _logger.info("index: %d rows have been brought up to date", row_count)
            comparison = ">"
    _logger.info("index: all %d rows have been brought from format 1 to 2", row_count)
