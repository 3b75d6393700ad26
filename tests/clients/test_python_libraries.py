"""boto3 and s3fs, each release in the environment that its lock pins."""

from pathlib import Path

import pytest

from tests.clients.command_line import CommandLine
from tests.clients.conftest import ProvideClient
from tests.clients.locked_environments import (
    BOTO3_BEFORE_CHECKSUMS,
    BOTO3_CURRENT,
    S3FS,
    PythonClient,
)
from tests.clients.scenarios.catalogue import scenario_names
from tests.clients.scenarios.session import Session
from tests.clients.target import Target

pytestmark = pytest.mark.clients

REPOSITORY = Path(__file__).parents[2]

BOTO3_MODULES = (
    "boto3_objects",
    "boto3_checksums",
    "boto3_multipart",
    "boto3_presigned",
    "boto3_buckets",
)
CASES = (
    [(BOTO3_CURRENT, module) for module in (*BOTO3_MODULES, "boto3_default_checksums")]
    + [(BOTO3_BEFORE_CHECKSUMS, module) for module in BOTO3_MODULES]
    + [(S3FS, "s3fs_files")]
)
SCENARIOS = [
    pytest.param(client, module, name, id=f"{client.name}-{name}")
    for client, module in CASES
    for name in scenario_names(module)
]
LIBRARIES = (BOTO3_CURRENT, BOTO3_BEFORE_CHECKSUMS, S3FS)


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.name)
def test_library_is_the_locked_one(
    library: PythonClient, provide_client: ProvideClient, home: Path
) -> None:
    """What the environment imports has the version that the lock pins."""
    python = CommandLine(provide_client(library), home, {})
    imported = python.run("-c", f"import {library.distribution} as m; print(m.__version__)")

    assert imported.text.strip() == library.version


@pytest.fixture
def session(target: Target, bucket: str, home: Path) -> Session:
    """What a scenario gets to see."""
    return Session(
        endpoint=target.endpoint,
        region=target.region,
        access_key=target.owner.access_key,
        secret_key=target.owner.secret_key,
        stranger_access_key=target.stranger.access_key,
        stranger_secret_key=target.stranger.secret_key,
        bucket=bucket,
        directory=str(home),
    )


@pytest.mark.parametrize(("library", "module", "scenario"), SCENARIOS)
def test_scenario(
    library: PythonClient,
    module: str,
    scenario: str,
    session: Session,
    provide_client: ProvideClient,
    home: Path,
) -> None:
    """The scenario of that name ends without a failed assertion."""
    python = CommandLine(provide_client(library), home, {})

    python.run(
        "-m",
        "tests.clients.scenarios",
        module,
        scenario,
        stdin=session.to_json().encode(),
        cwd=REPOSITORY,
    )
