"""Latencies by operation and second."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.contents import Written, difference
from loadtests.recording import Histogram, Recording, bucket_of, duration_ms_of

durations = st.floats(min_value=0.001, max_value=600_000, allow_nan=False)


@given(durations)
def test_a_bucket_is_off_by_two_percent_at_most(duration_ms: float) -> None:
    """Of a microsecond as of ten minutes."""
    assert duration_ms_of(bucket_of(duration_ms)) == pytest.approx(duration_ms, rel=0.02)


@given(st.lists(durations, min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 0.99, 1.0]))
def test_percentiles_are_those_of_the_durations_but_for_a_bucket(
    values: list[float], share: float
) -> None:
    """By the nearest rank."""
    histogram = Histogram()
    for value in values:
        histogram.counts[bucket_of(value)] += 1
    exact = sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
    assert histogram.percentile_ms(share) == pytest.approx(exact, rel=0.03)


def test_of_nothing_there_is_no_percentile() -> None:
    """Rather than a nought that looks good."""
    assert Histogram().percentile_ms(0.5) is None


def recorded(offset: int) -> Recording:
    recording = Recording()
    recording.note(offset, "PutObject", 5, 100, "")
    recording.note(offset, "PutObject", 7, 100, "SlowDown")
    recording.note(offset + 3, "GetObject", 1, 50, "")
    return recording


def test_recordings_of_workers_add_up() -> None:
    """Second by second, failed requests without a latency."""
    both = recorded(0)
    both.add(recorded(0))
    both.add(recorded(10))
    put = both.totals()["PutObject"]
    assert (put.count, put.latency.count, put.bytes_moved) == (6, 3, 300)
    assert put.errors == {"SlowDown": 3}
    assert both.totals(3, 10)["GetObject"].count == 2
    assert "PutObject" not in both.totals(1, 10)
    assert both.seconds == range(14)


def test_a_recording_goes_through_a_message_as_it_is() -> None:
    """JSON, or Locust's own form."""
    recording = recorded(2)
    recording.wrong_bytes.append("k: 3 bytes instead of 4")
    again = Recording.from_plain(json.loads(json.dumps(recording.to_plain())))
    assert again == recording


@pytest.mark.parametrize("size_bytes", [0, 1, 1000, 3 * 1024 * 1024])
def test_a_body_has_its_size_and_differs_from_every_other(size_bytes: int) -> None:
    """Of another write, key or size."""
    body = Written(1, size_bytes).body("a")
    assert len(body) == size_bytes
    assert difference(body, Written(1, size_bytes).body("a")) == ""
    if size_bytes > 10:
        assert difference(body, Written(2, size_bytes).body("a"))
        assert difference(body, Written(1, size_bytes).body("b"))
        assert "byte 500 on" in difference(body, body[:500]) or size_bytes < 500
    assert difference(body, body + b"x") == (
        f"{size_bytes + 1} bytes instead of {size_bytes}, different from byte {size_bytes} on"
    )


def test_columns_of_a_histogram_are_few_and_leave_no_gap_out() -> None:
    """What lies between two peaks is drawn as nothing, not left out; the last column is the end."""
    recording = Recording()
    for duration_ms in (1.0, 1.0, 1000.0):
        recording.note(0, "GetObject", duration_ms, 0, "")
    columns = recording.totals()["GetObject"].latency.columns(10)
    assert [height for _, height in columns] == [2, *[0] * (len(columns) - 3), 1, 0]
    assert len(columns) <= 11
    assert columns[0][0] == pytest.approx(1, rel=0.03)
    assert columns[-1][0] >= 1000
    assert Histogram().columns(10) == []
