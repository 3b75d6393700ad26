"""Commands that work when pasted into a shell in the checkout.

None of them shows a secret: the first puts the credentials into the shell's environment, where
the others find them.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from rucket_platform.stacks.workspace import DEFAULT_STACK

if TYPE_CHECKING:
    from rucket_platform.stacks.outputs import RegionOutputs, UserOutputs


def lines_for(region: RegionOutputs, stack: str) -> list[str]:
    """List the lines that `up` prints for one region."""
    endpoint = region.endpoints[0]
    bucket = f"hello-{region.name}"
    choice = "" if stack == DEFAULT_STACK else f" STACK={stack}"
    remote = (
        f":s3,provider=Other,env_auth=true,region={region.s3_region},endpoint='{endpoint}':{bucket}"
    )
    script = (
        f"import boto3; print(boto3.client('s3', endpoint_url='{endpoint}')"
        f".list_objects_v2(Bucket='{bucket}')['KeyCount'], 'objects')"
    )
    return [
        f"{region.name}: {endpoint}   metrics {region.metrics[0]}",
        f'  eval "$(make -s credentials{choice} REGION={region.name})"',
        f"  aws --endpoint-url {endpoint} s3 mb s3://{bucket}",
        f"  aws --endpoint-url {endpoint} s3 cp README.md s3://{bucket}/",
        f'  rclone lsl "{remote}"',
        f'  .venv/bin/python -c "{script}"',
    ]


def exports_for(region: RegionOutputs, user: UserOutputs | None) -> list[str]:
    """List shell commands that make S3 clients use this region as root, or as `user`."""
    access_key_id, secret = (region.access_key_id, region.secret_access_key)
    if user is not None:
        access_key_id, secret = user.access_keys[0]
    variables = {
        "AWS_ACCESS_KEY_ID": access_key_id,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": region.s3_region,
        "AWS_DEFAULT_REGION": region.s3_region,
        "AWS_ENDPOINT_URL_S3": region.endpoints[0],
    }
    # Left from another session, these would win over the pair.
    cleared = "unset AWS_SESSION_TOKEN AWS_PROFILE"
    return [
        cleared,
        *(f"export {name}={shlex.quote(value)}" for name, value in variables.items()),
    ]
