"""From the outcome of a command to what the service layer works with: a `Committed`, or an error.

What a client did wrong comes back from `apply` as a `Rejected` with an S3 error code; here it
becomes the error class of that code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.errors import ConditionalRequestConflict, s3_error_by_code
from rucket.state.outcomes import Committed, Conflicted, Rejected

if TYPE_CHECKING:
    from rucket.model.records import Record


def committed_or_conflicted(outcome: Record) -> Committed | Conflicted:
    """The outcome, for a caller that looks again after a `Conflicted`.

    Raises:
        S3Error: the command was rejected; the class is that of the rejection's code.
    """
    match outcome:
        case Committed() | Conflicted():
            return outcome
        case Rejected():
            raise s3_error_by_code(outcome.code)(outcome.message, **outcome.details)
        case _:
            raise TypeError(f"{type(outcome).__name__} is no outcome")


def committed(outcome: Record) -> Committed:
    """The outcome, for a caller that doesn't look again (any more).

    Raises:
        S3Error: the command was rejected.
        ConditionalRequestConflict: what the command was built on has changed.
    """
    checked = committed_or_conflicted(outcome)
    if isinstance(checked, Conflicted):
        raise ConditionalRequestConflict(
            "A conflicting operation occurred during this request. Try again."
        )
    return checked
