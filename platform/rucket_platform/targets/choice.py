"""The command-line options that choose a target: the same ones for every kit."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rucket_platform.errors import TargetError
from rucket_platform.targets.own_server import own_server
from rucket_platform.targets.reach import check_reach
from rucket_platform.targets.stack import region_target
from rucket_platform.targets.target import Account, Target
from rucket_platform.targets.users_file import read_users_file

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from rucket_platform.targets.own_server import WantedUser
    from rucket_platform.tools.progress import Progress
    from rucket_platform.topology import SettingValue


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add --endpoint, --users, --s3-region, --stack and --region."""
    group = parser.add_argument_group(
        "what to judge", "a Rucket is started for the run if neither is given"
    )
    which = group.add_mutually_exclusive_group()
    which.add_argument("--endpoint", metavar="URL", help="any S3 server")
    which.add_argument("--stack", metavar="NAME", help="a region that `make up` brought up")
    group.add_argument(
        "--users",
        metavar="FILE",
        type=Path,
        help="the endpoint's accounts, in TOML ([[users]] name, access_key, secret_key …); "
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY if not given",
    )
    group.add_argument(
        "--s3-region", metavar="NAME", default="us-east-1", help="what requests are signed for"
    )
    group.add_argument("--region", metavar="NAME", help="of the stack, if it has several")


@contextmanager
def chosen_target(
    options: argparse.Namespace,
    progress: Progress,
    *,
    settings: Mapping[str, Mapping[str, SettingValue]] | None = None,
    users: tuple[WantedUser, ...] = (),
) -> Iterator[Target]:
    """The target that the options name, known to answer; ours lives as long as the context.

    Args:
        options: With what `add_options` added.
        progress: Says what takes long.
        settings: Of our own server.
        users: That our own server makes besides root.

    Raises:
        TargetError: It doesn't answer, or refuses the keys.
        StackError: The stack isn't up.
        SubstrateError: Our own server did not start.
    """
    if options.endpoint is None and options.stack is None:
        with own_server(settings, users) as server:
            progress.say("starting a Rucket for this run")
            yield server.start()
        return
    if options.stack is not None:
        target = region_target(options.stack, options.region, progress)
    else:
        target = endpoint_target(options.endpoint, options.s3_region, options.users)
    check_reach(target)
    yield target


def endpoint_target(endpoint: str, s3_region: str, users_file: Path | None) -> Target:
    """Any server, with the accounts of a file or of the environment.

    Raises:
        TargetError: No accounts are given, or the file is wrong.
    """
    if not endpoint.startswith(("http://", "https://")):
        raise TargetError(f"{endpoint} is not a URL; an endpoint looks like http://127.0.0.1:9000")
    if users_file is not None:
        accounts = read_users_file(users_file)
    else:
        accounts = (_account_of_environment(),)
    return Target(endpoint, (endpoint.rstrip("/"),), s3_region, accounts)


def _account_of_environment() -> Account:
    try:
        return Account("main", os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    except KeyError as error:
        raise TargetError(
            "an endpoint needs accounts: give --users FILE, or set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY"
        ) from error
