"""Continuation tokens: opaque, safe in URLs, and told from what isn't one."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket.model.errors import InvalidArgument
from rucket.service.continuation_tokens import make_token, read_token


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_a_token_brings_back_what_went_in(after: str) -> None:
    """Any key can be gone on after."""
    token = make_token(after)

    assert read_token(token) == after
    assert token.replace("-", "").replace("_", "").isalnum()


@given(st.text(max_size=40))
def test_what_is_no_token_is_refused(text: str) -> None:
    """Anything but a token is InvalidArgument."""
    with pytest.raises(InvalidArgument):
        read_token(text)


def test_a_changed_token_is_refused() -> None:
    """Every byte is covered by the check."""
    token = make_token("some/key")
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))

    for position in range(len(raw)):
        changed = bytearray(raw)
        changed[position] ^= 1
        with pytest.raises(InvalidArgument):
            read_token(base64.urlsafe_b64encode(bytes(changed)).decode().rstrip("="))
