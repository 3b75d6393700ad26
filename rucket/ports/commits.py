"""Committing, as the service layer may know it: a command goes in, its outcome comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rucket.model.records import Record


class Commits(Protocol):
    """The way from a gateway to the log."""

    async def commit(self, command: Record) -> Record:
        """The outcome of `command` (`rucket.state.commands`, `rucket.state.outcomes`), once it is
        durable (or what counts as such, `rucket.store.sync_strategy`) and every later snapshot of
        the index shows it.

        A command carries a commit id; one that is retried with the same id happens once and has
        the outcome it had the first time.

        Raises:
            StorageFullError: there is no room to commit; nothing happened.
            OverloadedError: too many wait; nothing happened.
            CommitUnknownError: no answer in time; it may or may not have happened.
        """
        ...

    async def sync(self) -> None:
        """Returns when everything that the index shows at the time of the call survives a power
        cut; at once where answers wait for that anyway.

        Raises:
            CommitUnknownError: no answer in time.
        """
        ...

    async def ready(self) -> bool:
        """Whether a commit would be taken now."""
        ...
