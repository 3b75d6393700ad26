"""The S3 endpoint that the clients are run against: one in the environment, or a new Rucket.

`RUCKET_TEST_ENDPOINT` names an endpoint that is already there; then `RUCKET_TEST_ACCESS_KEY`,
`RUCKET_TEST_SECRET_KEY` (the owner of the buckets), `RUCKET_TEST_ALT_ACCESS_KEY`,
`RUCKET_TEST_ALT_SECRET_KEY` (somebody who may not touch them) and, if it is not us-east-1,
`RUCKET_TEST_REGION` go with it. Without it a server is started for the session.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.server_process import ALICE, BOB, Credentials, RucketProcess
from tests.toml_text import Toml

DEFAULT_REGION = "us-east-1"


class TargetError(Exception):
    """The environment names an endpoint, but not all that is needed to use it."""


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint, its region, the buckets' owner and a user with no right to them."""

    endpoint: str
    region: str
    owner: Credentials
    stranger: Credentials


@contextmanager
def open_target(
    directory: Path, configuration: Mapping[str, Toml] | None = None
) -> Iterator[Target]:
    """Yield the endpoint from the environment, or a server that lives as long as this context.

    `configuration` is that server's, as `RucketProcess` takes it.
    """
    named = target_from(os.environ)
    if named is not None:
        yield named
        return
    with RucketProcess(directory, configuration) as server:
        yield Target(server.endpoint, server.region, owner=ALICE, stranger=BOB)


def target_from(environment: Mapping[str, str]) -> Target | None:
    """Read the endpoint that `environment` names, None when it names none.

    Raises:
        TargetError: A variable that belongs to the endpoint is missing.
    """
    endpoint = environment.get("RUCKET_TEST_ENDPOINT")
    if not endpoint:
        return None
    return Target(
        endpoint=endpoint.rstrip("/"),
        region=environment.get("RUCKET_TEST_REGION", DEFAULT_REGION),
        owner=_credentials(environment, "owner", "RUCKET_TEST"),
        stranger=_credentials(environment, "stranger", "RUCKET_TEST_ALT"),
    )


def _credentials(environment: Mapping[str, str], user_name: str, prefix: str) -> Credentials:
    names = (f"{prefix}_ACCESS_KEY", f"{prefix}_SECRET_KEY")
    missing = [name for name in names if not environment.get(name)]
    if missing:
        raise TargetError(f"RUCKET_TEST_ENDPOINT is set, {' and '.join(missing)} not")
    access_key, secret_key = (environment[name] for name in names)
    return Credentials(user_name, access_key, secret_key)
