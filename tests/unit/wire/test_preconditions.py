"""Conditional requests. Source: RFC 9110 §13."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket.wire.preconditions import (
    UNCONDITIONAL,
    Verdict,
    parse_copy_source_preconditions,
    parse_entity_tags,
    parse_preconditions,
)
from rucket.wire.timestamps import format_http_date

ETAG = "abc-2"
MODIFIED_MS = 1_369_353_600_123
BEFORE = format_http_date(MODIFIED_MS - 1000)
SAME = format_http_date(MODIFIED_MS)
CHOICES = {
    "if-match": (None, f'"{ETAG}"', '"other"'),
    "if-unmodified-since": (None, SAME, BEFORE),
    "if-none-match": (None, '"other"', f'"{ETAG}"'),
    "if-modified-since": (None, BEFORE, SAME),
}
"""For each header: not given, holds, doesn't hold."""

COMBINATIONS = list(itertools.product(range(3), repeat=4))


def expected_verdict(match: int, unmodified: int, none_match: int, modified: int) -> Verdict:
    """RFC 9110 §13.2.2 for 0 = not given, 1 = holds, 2 = doesn't hold."""
    if match == 2 or (match == 0 and unmodified == 2):
        return Verdict.FAILED
    if none_match == 2 or (none_match == 0 and modified == 2):
        return Verdict.NOT_MODIFIED
    return Verdict.PROCEED


def headers_of(combination: tuple[int, ...], prefix: str = "") -> dict[str, str]:
    """The headers of one combination."""
    headers = {}
    for (name, values), choice in zip(CHOICES.items(), combination, strict=True):
        value = values[choice]
        if value is not None:
            headers[prefix + name] = value
    return headers


@pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
def test_all_combinations_follow_the_precedence(combination: tuple[int, int, int, int]) -> None:
    """The tags of each pair outrank its dates, and the first pair the second."""
    verdict = parse_preconditions(headers_of(combination)).evaluate(ETAG, MODIFIED_MS)

    assert verdict is expected_verdict(*combination)


@pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
def test_copy_fails_where_a_get_isnt_modified(combination: tuple[int, int, int, int]) -> None:
    """The conditions on a copy's source have names of their own and one way to fail."""
    headers = headers_of(combination, "x-amz-copy-source-")
    verdict = parse_copy_source_preconditions(headers).evaluate_copy(ETAG, MODIFIED_MS)

    proceeds = expected_verdict(*combination) is Verdict.PROCEED
    assert verdict is (Verdict.PROCEED if proceeds else Verdict.FAILED)


def test_no_condition_costs_nothing() -> None:
    """A request without conditions gets the shared empty value."""
    assert parse_preconditions({"host": "h"}) is UNCONDITIONAL


@pytest.mark.parametrize(
    "text",
    [ETAG, f'"{ETAG}"', f'"x", "{ETAG}"', f"x,{ETAG}", f'"a,b" , "{ETAG}",', "*", f' "{ETAG}" '],
)
def test_entity_tag_is_found(text: str) -> None:
    """Quoted or not, alone or in a list."""
    assert parse_entity_tags(text).matches_strongly(ETAG)


def test_weak_tag_matches_weakly_only() -> None:
    """If-Match compares strongly, If-None-Match weakly."""
    tags = parse_entity_tags(f'W/"{ETAG}"')

    assert not tags.matches_strongly(ETAG)
    assert tags.matches_weakly(ETAG)


@pytest.mark.parametrize("text", ["", ",", "W/", '"', '"unclosed', '""'])
def test_malformed_tags_match_nothing(text: str) -> None:
    """A list that can't be read holds no tag of ours."""
    assert not parse_entity_tags(text).matches_weakly(ETAG)


@pytest.mark.parametrize("date", ["", "yesterday", "Fri, 32 May 2013 00:00:00 GMT"])
def test_unreadable_date_is_no_condition(date: str) -> None:
    """RFC 9110 has it ignored."""
    headers = {"if-unmodified-since": date, "if-modified-since": date}

    assert parse_preconditions(headers).evaluate(ETAG, MODIFIED_MS) is Verdict.PROCEED


@given(st.lists(st.text(st.characters(exclude_characters='"')), min_size=1))
def test_quoted_list_comes_back(tags: list[str]) -> None:
    """Whatever stands between quotes is one tag."""
    parsed = parse_entity_tags(", ".join(f'"{tag}"' for tag in tags))

    assert parsed.strong == frozenset(tags)


@given(st.text())
def test_arbitrary_conditions_raise_nothing(text: str) -> None:
    """Whatever the headers hold, there is a verdict."""
    for prefix in ("", "x-amz-copy-source-"):
        headers = {prefix + name: text for name in CHOICES}
        for name in CHOICES:
            parse_preconditions({prefix + name: text}).evaluate(ETAG, MODIFIED_MS)
        parse_copy_source_preconditions(headers).evaluate_copy(ETAG, MODIFIED_MS)
