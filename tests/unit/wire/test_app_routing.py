"""The application as a whole: which operation a request is for, and what happens to its body."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace

import pytest

from rucket.wire.app import make_app
from tests.unit.fakes import ALICE, SETTINGS
from tests.unit.in_process_client import Client, Transfer
from tests.unit.wire.app_setting import Setting, run

MIB = 1024 * 1024


class TestRouting:
    """Which operation a request becomes."""

    @pytest.mark.parametrize(
        ("method", "target", "code"),
        [
            ("PUT", "/bucket?acl", "NotImplemented"),
            ("PUT", "/bucket?policy", "NotImplemented"),
            ("PUT", "/bucket?versioning", "NotImplemented"),
            ("PUT", "/bucket/key?acl", "NotImplemented"),
            ("PUT", "/bucket/key?tagging", "NotImplemented"),
            ("PUT", "/bucket/key?retention", "NotImplemented"),
            ("GET", "/bucket/key?attributes", "NotImplemented"),
            ("DELETE", "/bucket/key?tagging", "NotImplemented"),
            ("POST", "/bucket/key?restore", "NotImplemented"),
            ("POST", "/bucket", "NotImplemented"),
            ("POST", "/bucket/key", "MethodNotAllowed"),
            ("PUT", "/", "MethodNotAllowed"),
            ("PATCH", "/bucket/key", "MethodNotAllowed"),
            ("GET", "/bucket?acl&policy", "InvalidArgument"),
            ("PUT", "/bucket/key?partNumber=1", "InvalidArgument"),
            ("PUT", "/bucket/key?uploadId=x", "InvalidArgument"),
            ("GET", "/bucket/key?versionId=abc", "InvalidArgument"),
            ("DELETE", "/bucket/key?versionId=abc", "InvalidArgument"),
        ],
    )
    def test_what_we_lack_never_falls_through(self, method: str, target: str, code: str) -> None:
        """A subresource or parameter that isn't served changes nothing."""

        async def scenario(setting: Setting) -> None:
            await setting.alice.request("PUT", "/bucket")
            await setting.alice.request("PUT", "/bucket/key", b"bytes")
            committed = len(setting.node.commits.commands)

            answer = await setting.alice.request(method, target)

            assert answer.error_code == code
            assert len(setting.node.commits.commands) == committed

        run(scenario)

    @pytest.mark.parametrize(
        ("subresource", "code"),
        [
            ("policy", "NoSuchBucketPolicy"),
            ("policyStatus", "NoSuchBucketPolicy"),
            ("lifecycle", "NoSuchLifecycleConfiguration"),
            ("cors", "NoSuchCORSConfiguration"),
            ("tagging", "NoSuchTagSet"),
            ("encryption", "ServerSideEncryptionConfigurationNotFoundError"),
            ("object-lock", "ObjectLockConfigurationNotFoundError"),
            ("website", "NoSuchWebsiteConfiguration"),
            ("publicAccessBlock", "NoSuchPublicAccessBlockConfiguration"),
            ("ownershipControls", "OwnershipControlsNotFoundError"),
            ("replication", "ReplicationConfigurationNotFoundError"),
        ],
    )
    def test_configurations_that_no_bucket_has(self, subresource: str, code: str) -> None:
        """The owner is told that there is none; others are told nothing."""

        async def scenario(setting: Setting) -> None:
            await setting.alice.request("PUT", "/bucket")

            mine = await setting.alice.request("GET", f"/bucket?{subresource}")
            other = await setting.bob.request("GET", f"/bucket?{subresource}")

            assert (mine.status, mine.error_code) == (404, code)
            assert (other.status, other.error_code) == (403, "AccessDenied")

        run(scenario)

    @pytest.mark.parametrize(
        ("subresource", "root"),
        [
            ("versioning", "VersioningConfiguration"),
            ("logging", "BucketLoggingStatus"),
            ("notification", "NotificationConfiguration"),
            ("requestPayment", "RequestPaymentConfiguration"),
            ("accelerate", "AccelerateConfiguration"),
            ("location", "LocationConstraint"),
            ("acl", "AccessControlPolicy"),
        ],
    )
    def test_configurations_that_every_bucket_has(self, subresource: str, root: str) -> None:
        """These are answered with the state of a bucket that was never configured."""

        async def scenario(setting: Setting) -> None:
            await setting.alice.request("PUT", "/bucket")

            answer = await setting.alice.request("GET", f"/bucket?{subresource}")

            assert (answer.status, answer.xml.tag) == (200, root)

        run(scenario)

    @pytest.mark.parametrize(
        ("headers", "code"),
        [
            ({"x-amz-acl": "public-read"}, "NotImplemented"),
            ({"x-amz-acl": "everybody"}, "InvalidArgument"),
            ({"x-amz-grant-read": "id=1"}, "NotImplemented"),
            ({"x-amz-server-side-encryption": "AES256"}, "NotImplemented"),
            ({"x-amz-object-lock-mode": "GOVERNANCE"}, "NotImplemented"),
            ({"x-amz-tagging": "a=b"}, "NotImplemented"),
            ({"x-amz-website-redirect-location": "/"}, "NotImplemented"),
            ({"x-amz-write-offset-bytes": "1"}, "NotImplemented"),
            ({"x-amz-storage-class": "GLACIER"}, "InvalidStorageClass"),
        ],
        ids=lambda value: next(iter(value)) if isinstance(value, dict) else value,
    )
    def test_headers_that_ask_for_what_we_lack_are_refused(
        self, headers: dict[str, str], code: str
    ) -> None:
        """A 200 would let the client believe that it got what it asked for."""

        async def scenario(setting: Setting) -> None:
            await setting.alice.request("PUT", "/bucket")

            answer = await setting.alice.request("PUT", "/bucket/key", b"bytes", headers)

            assert answer.error_code == code

        run(scenario)

    def test_headers_that_ask_for_what_is_the_case_are_fine(self) -> None:
        """A private object of class STANDARD is what everybody gets."""

        async def scenario(setting: Setting) -> None:
            await setting.alice.request("PUT", "/bucket")
            headers = {"x-amz-acl": "private", "x-amz-storage-class": "STANDARD"}

            answer = await setting.alice.request("PUT", "/bucket/key", b"bytes", headers)

            assert answer.status == 200

        run(scenario)

    def test_a_preflight_is_answered_without_a_signature(self) -> None:
        """No bucket allows other origins yet."""

        async def scenario(setting: Setting) -> None:
            incomplete = await setting.nobody.request("OPTIONS", "/bucket/key")
            complete = await setting.nobody.request(
                "OPTIONS",
                "/bucket/key?X-Amz-Signature=x",
                headers={"origin": "https://a", "access-control-request-method": "GET"},
            )

            assert (incomplete.status, complete.status) == (400, 403)

        run(scenario)


class TestBodies:
    """What happens to the bytes that a client sends."""

    def test_an_unauthorised_body_is_not_read_before_the_answer(self) -> None:
        """A client that waits for 100 Continue gets its answer instead."""

        async def scenario(setting: Setting) -> None:
            await setting.alice.request("PUT", "/bucket")
            transfer = Transfer(deque([b"x" * 100]))

            await setting.bob.exchange(
                "PUT", "/bucket/key", transfer, b"x" * 100, {"expect": "100-continue"}
            )

            assert transfer.answer().error_code == "AccessDenied"
            assert transfer.received_count == 0

        run(scenario)

    def test_the_rest_of_a_body_is_read_before_an_early_answer(self) -> None:
        """Otherwise the server would close the connection under the client."""

        async def scenario(setting: Setting) -> None:
            await setting.alice.request("PUT", "/bucket")
            transfer = Transfer(deque([b"x" * MIB] * 3))

            await setting.bob.exchange("PUT", "/bucket/key", transfer, b"x" * 3 * MIB, {})

            answer = transfer.answer()
            assert answer.error_code == "AccessDenied"
            assert answer.is_complete
            assert transfer.received_count == 3

        run(scenario)

    @pytest.mark.parametrize(
        ("headers", "read_count"),
        [({}, 0), ({"content-length": "0", "transfer-encoding": "chunked"}, 16)],
        ids=["announced", "unannounced"],
    )
    def test_an_endless_body_is_not_read_to_its_end(
        self, headers: dict[str, str], read_count: int
    ) -> None:
        """Too much isn't begun with; who doesn't say how much is cut off."""

        async def scenario(setting: Setting) -> None:
            await setting.alice.request("PUT", "/bucket")
            transfer = Transfer(deque([b"x" * MIB] * 40))

            await setting.bob.exchange("PUT", "/bucket/key", transfer, b"x" * 40 * MIB, headers)

            assert transfer.answer().is_complete
            assert transfer.received_count == read_count

        run(scenario)

    def test_a_client_that_leaves_mid_body_stores_nothing(self) -> None:
        """A broken upload is IncompleteBody, quietly."""

        async def scenario(setting: Setting) -> None:
            await setting.alice.request("PUT", "/bucket")
            transfer = Transfer(deque([b"x" * 50, None]))

            await setting.alice.exchange("PUT", "/bucket/key", transfer, b"x" * 100, {})

            assert setting.records.reports[-1].error_code == "IncompleteBody"
            assert not setting.records.crashes
            assert (await setting.alice.request("GET", "/bucket/key")).status == 404

        run(scenario)

    def test_a_client_that_sends_nothing_times_out(self) -> None:
        """An idle upload is RequestTimeout."""

        async def scenario(setting: Setting) -> None:
            gateway = setting.node.with_settings(replace(SETTINGS, body_idle_timeout_s=0.01))
            client = Client(make_app(gateway), ALICE)
            await client.request("PUT", "/bucket")
            transfer = Transfer(deque([b"x" * 50]), ends=False)

            await client.exchange("PUT", "/bucket/key", transfer, b"x" * 100, {})

            assert transfer.answer().error_code == "RequestTimeout"

        run(scenario)

    def test_an_answer_to_a_body_that_was_not_asked_for_says_that_it_is_the_last(self) -> None:
        """The HTTP server can't go on behind a body that doesn't come; the client must know."""

        async def scenario(setting: Setting) -> None:
            transfer = Transfer(deque(), ends=False)
            headers = {"expect": "100-continue", "content-length": "100"}

            await setting.alice.exchange("PUT", "/no-bucket/key", transfer, b"x" * 100, headers)

            assert transfer.answer().error_code == "NoSuchBucket"
            assert transfer.answer().headers["connection"] == "close"

        run(scenario)

    def test_requests_that_are_turned_away_take_no_place(self) -> None:
        """While one more than may be in flight sends its body to nobody, others are served as soon
        as there is room.
        """

        async def scenario(setting: Setting) -> None:
            settings = replace(SETTINGS, requests_in_flight_max=1)
            client = Client(make_app(setting.node.with_settings(settings)), ALICE)
            await client.request("PUT", "/bucket")
            first, second = Transfer(deque([b"x"]), ends=False), Transfer(deque([b"x"]), ends=False)
            writing = asyncio.ensure_future(
                client.exchange("PUT", "/bucket/key", first, b"x" * 100, {})
            )
            while not first.received_count:
                await asyncio.sleep(0)
            refusing = asyncio.ensure_future(
                client.exchange("PUT", "/bucket/key", second, b"x" * 100, {})
            )
            while not second.received_count:
                await asyncio.sleep(0)
            writing.cancel()
            await asyncio.wait({writing})

            assert (await client.request("GET", "/bucket/key")).status == 404
            assert not refusing.done()
            refusing.cancel()
            await asyncio.wait({refusing})

        run(scenario)

    def test_a_connection_too_many_is_told_so_and_closed(self) -> None:
        """SlowDown, and the last answer on its connection; health is answered all the same."""

        async def scenario(setting: Setting) -> None:
            client = Client(setting.alice.application, ALICE, is_one_too_many=True)

            refused = await client.request("GET", "/")
            health = await client.request("GET", "/minio/health/live")

            assert (refused.status, refused.error_code) == (503, "SlowDown")
            assert refused.headers["connection"] == "close"
            assert health.status == 200

        run(scenario)

    @pytest.mark.parametrize(
        ("headers", "code"),
        [
            ({"content-md5": "AAAAAAAAAAAAAAAAAAAAAA=="}, "BadDigest"),
            ({"content-md5": "nonsense"}, "InvalidDigest"),
            ({"content-md5": ""}, "InvalidDigest"),
            ({"x-amz-content-sha256": "0" * 64}, "XAmzContentSHA256Mismatch"),
            ({"x-amz-checksum-crc32": "AAAAAA=="}, "BadDigest"),
            ({"content-length": str(6 * 1024**3)}, "EntityTooLarge"),
        ],
        ids=["wrong-md5", "no-md5", "empty-md5", "wrong-sha256", "wrong-crc32", "too-large"],
    )
    def test_a_body_that_is_not_what_was_promised_is_refused(
        self, headers: dict[str, str], code: str
    ) -> None:
        """Nothing is committed before the body has been verified."""

        async def scenario(setting: Setting) -> None:
            await setting.alice.request("PUT", "/bucket")
            committed = len(setting.node.commits.commands)

            answer = await setting.alice.request("PUT", "/bucket/key", b"bytes", headers)

            assert answer.error_code == code
            assert len(setting.node.commits.commands) == committed

        run(scenario)

    def test_a_large_object_comes_back_as_it_went(self) -> None:
        """A body of several pieces is stored and streamed."""

        async def scenario(setting: Setting) -> None:
            await setting.alice.request("PUT", "/bucket")
            body = bytes(range(256)) * 4096 * 5

            put = await setting.alice.request("PUT", "/bucket/key", body)
            got = await setting.alice.request("GET", "/bucket/key")

            assert put.status == 200
            assert (got.status, got.body == body) == (200, True)
            assert got.headers["content-length"] == str(len(body))
            assert got.is_complete

        run(scenario)

    def test_a_client_that_leaves_while_reading_is_noticed(self) -> None:
        """Nobody goes on reading an object for a client who has left."""

        async def scenario(setting: Setting) -> None:
            await setting.alice.request("PUT", "/bucket")
            await setting.alice.request("PUT", "/bucket/key", b"x" * 40 * MIB)
            transfer = Transfer(deque(), sent_count_max=3)

            await setting.alice.exchange("GET", "/bucket/key", transfer, b"", {})

            report = setting.records.reports[-1]
            assert report.error_code == "ClientDisconnected"
            assert report.response_bytes < 40 * MIB
            assert not setting.records.crashes

        run(scenario)
