"""How much was answered, and how soon again after a fault."""

import math

import pytest

from rucket_platform.histories.availability import Attempt, percentile, recovery_s, success_share


def attempts(*outcomes: tuple[float, str]) -> list[Attempt]:
    """Each of half a second, by its beginning and its error."""
    return [Attempt("PutObject", start_s, start_s + 0.5, error) for start_s, error in outcomes]


def test_the_share_of_success_is_of_what_began_in_a_stretch() -> None:
    """Its end not included; of nothing there is no share."""
    seen = attempts((0, ""), (1, "SlowDown"), (2, ""), (3, "SlowDown"))
    assert success_share(seen, 0, 3) == pytest.approx(2 / 3)
    assert math.isnan(success_share(seen, 9, 10))


def test_recovery_ends_with_the_last_failure() -> None:
    """A lucky request in between doesn't count."""
    seen = attempts((0, ""), (4, "x"), (5, ""), (6, "x"), (7, ""), (8, ""))
    assert recovery_s(seen, 5) == 1.5
    assert recovery_s(seen, 7) == pytest.approx(0.5)


def test_without_a_success_in_the_end_there_is_no_recovery() -> None:
    """Nor where nothing was tried."""
    assert math.isinf(recovery_s(attempts((0, ""), (6, "x")), 5))
    assert math.isinf(recovery_s(attempts((0, "")), 5))


def test_a_percentile_is_a_value_that_was_measured() -> None:
    """The nearest rank, not an average."""
    assert [percentile([3, 1, 2, 4], share) for share in (0.01, 0.5, 0.75, 1.0)] == [1, 2, 3, 4]
    assert percentile([], 0.5) is None
