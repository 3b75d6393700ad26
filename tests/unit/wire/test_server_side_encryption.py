"""SSE-S3 in headers: what is asked, what is answered, what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rucket.service.encryption.object_encryption import ObjectEncryption
from rucket.wire.app import make_app
from tests.unit.fakes import ALICE
from tests.unit.in_process_client import Client
from tests.unit.service.encryption.keys import ring
from tests.unit.wire.app_setting import Setting, run

HEADER = "x-amz-server-side-encryption"
ASKING = {HEADER: "AES256"}
WITH_KEY = ObjectEncryption(ring())
COMPLETE = (
    '<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Part>'
    "<PartNumber>1</PartNumber><ETag>{}</ETag></Part></CompleteMultipartUpload>"
)


def _client(setting: Setting, encryption: ObjectEncryption) -> Client:
    gateway = replace(setting.node.gateway, encryption=encryption)
    return Client(make_app(gateway), ALICE)


@pytest.mark.parametrize("is_on", [False, True], ids=["when asked", "always"])
def test_answers_say_that_an_object_is_encrypted(is_on: bool) -> None:  # noqa: FBT001
    """PUT, GET, HEAD, copies, and each step of an upload."""

    async def scenario(setting: Setting) -> None:
        client = _client(setting, WITH_KEY.switched_on() if is_on else WITH_KEY)
        asking = {} if is_on else ASKING
        await client.request("PUT", "/bucket")
        answers = [await client.request("PUT", "/bucket/key", b"bytes", asking)]
        answers.append(await client.request("GET", "/bucket/key"))
        assert answers[-1].body == b"bytes"
        answers.append(await client.request("HEAD", "/bucket/key"))
        source = {"x-amz-copy-source": "/bucket/key"}
        answers.append(await client.request("PUT", "/bucket/copy", b"", {**asking, **source}))
        begun = await client.request("POST", "/bucket/big?uploads", b"", asking)
        upload = f"uploadId={begun.texts('UploadId')[0]}"
        part = await client.request("PUT", f"/bucket/big?partNumber=1&{upload}", b"part")
        part_copy = await client.request("PUT", f"/bucket/big?partNumber=2&{upload}", b"", source)
        body = COMPLETE.format(part.headers["etag"]).encode()
        completed = await client.request("POST", f"/bucket/big?{upload}", body)
        repeated = await client.request("POST", f"/bucket/big?{upload}", body)
        answers += [begun, part, part_copy, completed, repeated]

        assert [answer.status for answer in answers] == [200] * len(answers)
        assert [answer.headers.get(HEADER) for answer in answers] == ["AES256"] * len(answers)

    run(scenario)


def test_answers_say_nothing_of_what_is_plain() -> None:
    """A key alone encrypts nothing."""

    async def scenario(setting: Setting) -> None:
        client = _client(setting, WITH_KEY)
        await client.request("PUT", "/bucket")
        answers = [await client.request("PUT", "/bucket/key", b"bytes")]
        answers.append(await client.request("GET", "/bucket/key"))
        answers.append(await client.request("POST", "/bucket/big?uploads"))

        assert not [answer for answer in answers if HEADER in answer.headers]

    run(scenario)


def test_an_object_is_encrypted_by_a_copy_onto_itself() -> None:
    """Its encryption changes, which is reason enough for such a copy."""

    async def scenario(setting: Setting) -> None:
        client = _client(setting, WITH_KEY)
        await client.request("PUT", "/bucket")
        await client.request("PUT", "/bucket/key", b"bytes")
        headers = {**ASKING, "x-amz-copy-source": "/bucket/key"}

        copied = await client.request("PUT", "/bucket/key", b"", headers)
        answer = await client.request("GET", "/bucket/key")

        assert copied.status == 200
        assert (answer.body, answer.headers[HEADER]) == (b"bytes", "AES256")

    run(scenario)


@pytest.mark.parametrize(
    ("method", "target", "value", "code"),
    [
        ("PUT", "/bucket/key", "aws:kms", "NotImplemented"),
        ("PUT", "/bucket/key", "aws:kms:dsse", "NotImplemented"),
        ("PUT", "/bucket/key", "rot13", "InvalidArgument"),
        ("GET", "/bucket/key", "AES256", "InvalidRequest"),
        ("PUT", f"/bucket/key?partNumber=1&uploadId={'0' * 32}", "AES256", "InvalidArgument"),
        ("DELETE", "/bucket/key", "AES256", "InvalidArgument"),
    ],
)
def test_what_is_not_sse_s3_is_refused(method: str, target: str, value: str, code: str) -> None:
    """Never taken for something else."""

    async def scenario(setting: Setting) -> None:
        client = _client(setting, WITH_KEY)
        await client.request("PUT", "/bucket")

        answer = await client.request(method, target, b"", {HEADER: value})

        assert answer.error_code == code

    run(scenario)


@pytest.mark.parametrize(
    "name",
    [
        "x-amz-server-side-encryption-customer-algorithm",
        "x-amz-server-side-encryption-aws-kms-key-id",
        "x-amz-server-side-encryption-context",
    ],
)
def test_other_keys_than_ours_are_refused(name: str) -> None:
    """SSE-C and SSE-KMS."""

    async def scenario(setting: Setting) -> None:
        client = _client(setting, WITH_KEY.switched_on())
        await client.request("PUT", "/bucket")

        answer = await client.request("PUT", "/bucket/key", b"", {name: "value"})

        assert answer.error_code == "NotImplemented"

    run(scenario)
