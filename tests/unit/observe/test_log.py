"""The log's forms, and what never stands in it."""

import json
import subprocess
import sys
from typing import Any

import pytest

from rucket.observe.redaction import redact_text


def lines(form: str, level: str = "debug") -> list[str]:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.unit.observe.log_something", form, level],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == ""
    return ran.stderr.splitlines()


def test_json_is_one_object_a_line() -> None:
    """With time, level, process, event and what was bound."""
    events: list[dict[str, Any]] = [json.loads(line) for line in lines("json")]

    hello = next(event for event in events if event["event"] == "hello")
    assert hello["timestamp"].endswith("Z")
    assert (hello["level"], hello["process"], hello["module"]) == ("info", "gateway-0", "before")
    assert (hello["request_id"], hello["number"], hello["none"]) == ("REQUEST", 1, None)
    assert any("ValueError" in event.get("exception", "") for event in events)


def test_libraries_log_in_the_same_form() -> None:
    """What comes through the standard library, warnings included."""
    events = [json.loads(line) for line in lines("json")]

    library = next(event for event in events if event["module"] == "library")
    assert library["event"].startswith("from a library")
    assert any(event["module"] == "py.warnings" for event in events)


def test_pretty_lines_can_be_read() -> None:
    """And what a client sent can't look like a line of ours."""
    written = lines("pretty")

    assert any(
        "info     gateway-0    hello  request_id=REQUEST  number=1" in line for line in written
    )
    assert any(r"injected\nline" in line and r"key=a\x1b[31mb" in line for line in written)
    assert "line" not in written
    assert any(line.startswith("Traceback") for line in written)


@pytest.mark.parametrize("form", ["pretty", "json"])
def test_no_secret_is_ever_written(form: str) -> None:
    """Neither under a telling name nor within a text."""
    assert "HIDE" not in "\n".join(lines(form))


def test_the_level_is_obeyed() -> None:
    """What is below it costs nothing and says nothing."""
    written = "\n".join(lines("pretty", "error"))

    assert "denied" in written
    for absent in ("a detail", "hello", "a library"):
        assert absent not in written


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("X-Amz-Signature=abc&X-Amz-Expires=5", "X-Amz-Signature=***&X-Amz-Expires=5"),
        ("X-Amz-Security-Token=abc", "X-Amz-Security-Token=***"),
        ("{'Authorization': 'Bearer abc def'}", "{'Authorization': '***'}"),
        ("authorization: Basic abc", "authorization: ***"),
        ('{"secret_access_key": "abc"}', '{"secret_access_key": "***"}'),
        ("password=abc other=1", "password=*** other=1"),
        ("nothing to hide: signature is right", "nothing to hide: signature is right"),
    ],
)
def test_telling_pieces_of_text_are_cut_out(text: str, expected: str) -> None:
    """The rest stays."""
    assert redact_text(text) == expected
