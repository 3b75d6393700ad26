"""Whether a target can be judged at all, asked before a long run begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket_platform.clients.s3 import Buckets
from rucket_platform.errors import ResourceRefused, ServerUnreachable, TargetError

if TYPE_CHECKING:
    from rucket_platform.targets.target import Target


def check_reach(target: Target) -> None:
    """Return if it answers, and takes the keys of every account.

    Raises:
        TargetError: It doesn't; the text says whom it refuses.
    """
    for account in target.accounts:
        try:
            with Buckets(target.connection(account)) as buckets:
                buckets.names()
        except ServerUnreachable as error:
            raise TargetError(f"nothing answers at {target.endpoint}: {error}") from error
        except ResourceRefused as error:
            raise TargetError(
                f"{target.endpoint} refuses the keys of {account.name} "
                f"({account.access_key_id}): {error}"
            ) from error
