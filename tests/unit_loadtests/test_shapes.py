"""How many users there are, and when."""

from collections.abc import Callable

import pytest

from loadtests.shapes import Knee, Ramp, ShapeName, Spike, Steady, make_shape


def test_a_steady_run_has_its_users_until_it_ends() -> None:
    """And a warm-up of a tenth, ten seconds at most."""
    shape = Steady(8, 30)
    assert [shape.users_at(at_s) for at_s in (0, 29.9, 30)] == [8, 8, None]
    assert (shape.warm_up_s, Steady(8, 600).warm_up_s) == (3, 10)


def test_a_ramp_grows_from_one_user_to_all() -> None:
    """Evenly."""
    assert [Ramp(10, 20).users_at(at_s) for at_s in (0, 10, 19.9, 20)] == [1, 5, 10, None]


def test_a_spike_has_five_times_as_many_in_the_middle_third() -> None:
    """And as few after as before."""
    assert [Spike(4, 30).users_at(at_s) for at_s in (0, 9.9, 10, 19.9, 20, 30)] == [
        4,
        4,
        20,
        20,
        4,
        None,
    ]


def steadily(throughput: float) -> Callable[[int, int], float]:
    """The same, whenever it is asked for."""
    return lambda *_: throughput


def search(throughput_of: Callable[[int], float], users_max: int = 500) -> Knee:
    """Run a search for the knee of a server whose throughput is known."""
    knee = Knee(users_max, step_s=10)
    at_s = 0.0
    while (users := knee.users_at(at_s)) is not None:
        knee.observe(steadily(throughput_of(users)))
        at_s += 0.5
    return knee


def test_the_knee_is_found_where_throughput_stops_growing() -> None:
    """A server that is busy with 40 users: more of them bring nothing."""
    knee = search(lambda users: min(users, 40) * 25.0).knee
    assert knee is not None
    assert 30 <= knee.users <= 60
    assert knee.throughput == pytest.approx(1000, rel=0.25)


def test_a_server_that_breaks_down_has_its_knee_before_that() -> None:
    """The best step counts, not the last one."""
    search_ = search(lambda users: users * 25.0 if users <= 40 else 200.0)
    assert search_.knee is not None
    assert search_.knee.users <= 40
    assert len(search_.steps) < 15


def test_a_server_that_is_never_busy_is_tried_up_to_the_limit() -> None:
    """And the search ends there."""
    search_ = search(lambda users: users * 25.0, users_max=30)
    assert search_.steps[-1].users == 30
    assert search_.knee == search_.steps[-1]


def test_the_first_half_of_a_step_settles_and_does_not_count() -> None:
    """New users aren't at full speed yet."""
    knee = Knee(1, step_s=10)
    asked: list[tuple[int, int]] = []

    def throughput(first_s: int, last_s: int) -> float:
        asked.append((first_s, last_s))
        return 100.0

    for at_s in range(11):
        knee.users_at(at_s)
        knee.observe(throughput)
    assert [step.throughput for step in knee.steps] == [100.0]
    assert asked == [(5, 9)]


@pytest.mark.parametrize("name", list(ShapeName))
def test_every_shape_that_can_be_named_can_be_made(name: ShapeName) -> None:
    """With at least one user to begin with."""
    assert (make_shape(name, 4, 20).users_at(0) or 0) >= 1


def test_a_soak_lasts_an_hour_at_least() -> None:
    """Shorter ones prove nothing about leaks."""
    assert make_shape(ShapeName.SOAK, 4, 20).users_at(3599) == 4
