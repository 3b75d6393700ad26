"""What every table of the configuration has in common."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, SecretStr, SerializationInfo

REVEAL: Final = "reveal secrets"
"""The context of a dump that goes to a child process and nowhere else."""


class Section(BaseModel):
    """A table of the configuration file: unknown keys are refused, values don't change."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, hide_input_in_errors=True
    )


def revealed_or_stars(secret: SecretStr, info: SerializationInfo) -> str:
    """A secret in a dump: itself for a child process, else stars."""
    return secret.get_secret_value() if info.context == REVEAL else str(secret)
