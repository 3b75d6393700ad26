"""Both versions of the signature before the application: who is let in, and with what body."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rucket.wire.app import make_app
from rucket.wire.percent_encoding import uri_encode
from rucket.wire.sigv2.signature import sign
from rucket.wire.sigv2.string_to_sign import SIGNED_PARAMETERS, strings_to_sign
from rucket.wire.sigv4.canonical_request import SignedRequest
from rucket.wire.sigv4.signer import SigningCredentials, presign_query
from rucket.wire.timestamps import format_http_date
from tests.unit.fakes import ALICE, BOB, NOW_MS, Node
from tests.unit.in_process_client import HOST, Answer, Client

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from rucket.service.gateway import ConfiguredUser

DATE = format_http_date(NOW_MS)
EXPIRES = str(NOW_MS // 1000 + 60)


@dataclass
class Version2Client:
    """Signs by version 2, in the header or in the query, and sends as nobody."""

    nobody: Client
    user: ConfiguredUser = ALICE
    bucket_of_host: str = ""

    async def request(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Sends one request with an Authorization header."""
        sent = {"date": DATE, **(headers or {})}
        signature = self._signature(method, target, sent, DATE)
        sent["authorization"] = f"AWS {self.user.access_key_id}:{signature}"
        return await self.nobody.request(method, target, body, sent)

    async def follow(self, method: str, target: str, body: bytes = b"") -> Answer:
        """Sends one request by a signed URL."""
        signature = uri_encode(self._signature(method, target, {}, EXPIRES).encode())
        return await self.nobody.request(
            method,
            f"{target}{'&' if '?' in target else '?'}AWSAccessKeyId={self.user.access_key_id}"
            f"&Signature={signature}&Expires={EXPIRES}",
            body,
        )

    def _signature(self, method: str, target: str, headers: Mapping[str, str], date: str) -> str:
        path, _, query = target.partition("?")
        request = SignedRequest(method, path.encode(), query.encode(), headers)
        text = strings_to_sign(request, date, self.bucket_of_host, SIGNED_PARAMETERS)[0]
        return sign(self.user.secret_access_key, text)


class Setting:
    """A node with Alice's bucket, and clients."""

    def __init__(self) -> None:
        self.node = Node()
        application = make_app(self.node.gateway)
        self.nobody = Client(application, None)
        self.alice = Client(application, ALICE)
        self.alice_by_version_2 = Version2Client(self.nobody)


def run(scenario: Callable[[Setting], Awaitable[None]]) -> None:
    """Runs a scenario against a node of its own."""

    async def body() -> None:
        setting = Setting()
        await setting.alice.request("PUT", "/bucket")
        await setting.alice.request("PUT", "/bucket/key", b"content")
        await scenario(setting)

    asyncio.run(body())


class TestVersion2:
    """Requests of clients that still sign that way."""

    def test_header_and_url_are_carried_out(self) -> None:
        """What is written by a header is read by a URL, with an override."""

        async def scenario(setting: Setting) -> None:
            client = setting.alice_by_version_2

            written = await client.request("PUT", "/bucket/a%20b", b"body")
            read = await client.follow("GET", "/bucket/a%20b?response-content-type=text%2Fplain")

            assert written.status == 200
            assert (read.status, read.body) == (200, b"body")
            assert read.headers["content-type"] == "text/plain"

        run(scenario)

    def test_bucket_of_the_host_is_part_of_the_resource(self) -> None:
        """In virtual-host style the bucket is signed as if it stood in the path."""

        async def scenario(setting: Setting) -> None:
            client = Version2Client(setting.nobody, bucket_of_host="bucket")

            answer = await client.request("GET", "/key", headers={"host": "bucket.s3.localhost"})
            elsewhere = await client.request("GET", "/bucket/key", headers={"host": HOST})

            assert (answer.status, answer.body) == (200, b"content")
            assert (elsewhere.status, elsewhere.error_code) == (403, "SignatureDoesNotMatch")

        run(scenario)

    def test_nobody_else_is_let_in(self) -> None:
        """Unknown keys, wrong secrets and other users are told apart."""

        async def scenario(setting: Setting) -> None:
            users = {
                "InvalidAccessKeyId": replace(ALICE, access_key_id="NOBODYSKEY"),
                "SignatureDoesNotMatch": replace(ALICE, secret_access_key="guessed"),
                "AccessDenied": BOB,
            }
            for code, user in users.items():
                client = Version2Client(setting.nobody, user)
                by_header = await client.request("GET", "/bucket/key")
                by_url = await client.follow("GET", "/bucket/key")

                assert (by_header.status, by_header.error_code) == (403, code)
                assert (by_url.status, by_url.error_code) == (403, code)

        run(scenario)

    def test_content_md5_is_checked(self) -> None:
        """The signature promises no body, but Content-MD5 does."""

        async def scenario(setting: Setting) -> None:
            client = setting.alice_by_version_2
            digest = base64.b64encode(hashlib.md5(b"another body").digest()).decode()

            wrong = await client.request("PUT", "/bucket/new", b"a body", {"content-md5": digest})
            bad = await client.request("PUT", "/bucket/new", b"body", {"content-md5": "AWS HAHA"})
            right = await client.request(
                "PUT", "/bucket/new", b"another body", {"content-md5": digest}
            )

            assert (wrong.status, wrong.error_code) == (400, "BadDigest")
            assert (bad.status, bad.error_code) == (400, "InvalidDigest")
            assert right.status == 200

        run(scenario)

    def test_signed_chunks_are_refused(self) -> None:
        """There is no key that the chunks could be signed with."""

        async def scenario(setting: Setting) -> None:
            answer = await setting.alice_by_version_2.request(
                "PUT",
                "/bucket/new",
                b"0;chunk-signature=a\r\n\r\n",
                {
                    "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
                    "x-amz-decoded-content-length": "0",
                },
            )

            assert (answer.status, answer.error_code) == (403, "AccessDenied")

        run(scenario)

    def test_unsigned_chunks_are_decoded(self) -> None:
        """A body may be framed, whatever the request is signed with."""

        async def scenario(setting: Setting) -> None:
            written = await setting.alice_by_version_2.request(
                "PUT",
                "/bucket/new",
                b"4\r\nbody\r\n0\r\n\r\n",
                {
                    "content-encoding": "aws-chunked",
                    "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
                    "x-amz-decoded-content-length": "4",
                },
            )
            read = await setting.alice.request("GET", "/bucket/new")

            assert written.status == 200
            assert read.body == b"body"

        run(scenario)


class TestSecurityToken:
    """Session tokens: no access key here is a temporary one."""

    def test_token_is_refused_in_headers(self) -> None:
        """Both versions answer InvalidToken, even to the right signature."""

        async def scenario(setting: Setting) -> None:
            token = {"x-amz-security-token": "token"}

            for client in (setting.alice, setting.alice_by_version_2):
                answer = await client.request("GET", "/bucket/key", headers=token)

                assert (answer.status, answer.error_code) == (400, "InvalidToken")

        run(scenario)

    def test_token_is_refused_in_urls(self) -> None:
        """In the query it is the same."""

        async def scenario(setting: Setting) -> None:
            by_version_2 = await setting.alice_by_version_2.follow(
                "GET", "/bucket/key?x-amz-security-token=token"
            )
            signed = SignedRequest(
                "GET", b"/bucket/key", b"X-Amz-Security-Token=token", {"host": HOST}
            )
            credentials = SigningCredentials(ALICE.access_key_id, ALICE.secret_access_key)
            query = presign_query(signed, credentials, NOW_MS, 60).decode()
            by_version_4 = await setting.nobody.request("GET", f"/bucket/key?{query}")

            assert (by_version_2.status, by_version_2.error_code) == (400, "InvalidToken")
            assert (by_version_4.status, by_version_4.error_code) == (400, "InvalidToken")

        run(scenario)

    def test_token_of_nobody_is_ignored(self) -> None:
        """An anonymous request stays an anonymous one."""

        async def scenario(setting: Setting) -> None:
            answer = await setting.nobody.request(
                "GET", "/bucket/key", headers={"x-amz-security-token": "token"}
            )

            assert (answer.status, answer.error_code) == (403, "AccessDenied")

        run(scenario)
