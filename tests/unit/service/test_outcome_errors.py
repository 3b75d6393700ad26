"""From outcomes to errors."""

from __future__ import annotations

import pytest

from rucket.model.errors import BucketNotEmpty, ConditionalRequestConflict
from rucket.service.outcome_errors import committed, committed_or_conflicted
from rucket.state.outcomes import Committed, Conflicted, Rejected


def test_a_rejection_becomes_the_error_of_its_code() -> None:
    """Message and details come along."""
    with pytest.raises(BucketNotEmpty) as caught:
        committed(Rejected("BucketNotEmpty", "why", {"BucketName": "b"}))

    assert caught.value.message == "why"
    assert caught.value.details == {"BucketName": "b"}


def test_what_was_committed_is_handed_on() -> None:
    """The outcome itself."""
    assert committed(Committed(5)) == Committed(5)


def test_a_conflict_is_an_error_only_for_those_who_do_not_look_again() -> None:
    """Others get it as it is."""
    assert committed_or_conflicted(Conflicted()) == Conflicted()
    with pytest.raises(ConditionalRequestConflict):
        committed(Conflicted())
