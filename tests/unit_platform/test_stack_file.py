"""The engine's salt in a checked-in stack file."""

import pytest

from rucket_platform.stacks.stack_file import remove_salt

PLAIN = "config:\n  rucket:topology: {regions: []}\n"
SALT = "v1:abc=:v1:def:ghi=="


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{PLAIN}encryptionsalt: {SALT}", id="at-the-end"),
        pytest.param(f"encryptionsalt: {SALT}\n{PLAIN}", id="at-the-start"),
        pytest.param(PLAIN, id="not-there"),
    ],
)
def test_the_states_own_salt_is_taken_out(text: str) -> None:
    """What the state knows as well need not be in the file."""
    assert remove_salt(text, SALT) == PLAIN


@pytest.mark.parametrize("state_salt", ["v1:other", None])
def test_a_foreign_salt_stays(state_salt: str | None) -> None:
    """It may be the only copy."""
    text = f"{PLAIN}encryptionsalt: {SALT}\n"

    assert remove_salt(text, state_salt) == text


def test_a_file_with_encrypted_values_keeps_its_salt() -> None:
    """The values could not be read without it where the state is missing."""
    text = f"{PLAIN}  rucket:x:\n    secure: v1:zzz\nencryptionsalt: {SALT}\n"

    assert remove_salt(text, SALT) == text
