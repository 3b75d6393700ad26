"""The application as a whole: authentication, errors, health."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rucket.model.errors import CommitUnknownError, StorageFullError
from rucket.wire.app import make_app
from tests.unit.fakes import ALICE, BOB, SETTINGS
from tests.unit.in_process_client import Client
from tests.unit.wire.app_setting import Setting, run


class TestAuthentication:
    """Who may come in."""

    def test_a_signed_request_is_carried_out(self) -> None:
        """A right signature lets the owner in."""

        async def scenario(setting: Setting) -> None:
            answer = await setting.alice.request("PUT", "/bucket")

            assert answer.status == 200
            assert setting.records.reports[-1].operation == "CreateBucket"
            assert setting.records.reports[-1].access_key_id == "ALICEKEY"

        run(scenario)

    def test_what_a_get_says_of_a_body_it_has_not_is_not_looked_at(self) -> None:
        """As S3 does it; a PUT without a body is held to what it says of it."""

        async def scenario(setting: Setting) -> None:
            await setting.alice.request("PUT", "/bucket")
            await setting.alice.request("PUT", "/bucket/key", b"x")
            headers = {"content-md5": "no digest"}

            read = await setting.alice.request("GET", "/bucket/key", headers=headers)
            written = await setting.alice.request("PUT", "/bucket/key", headers=headers)

            assert (read.status, read.body) == (200, b"x")
            assert (written.status, written.error_code) == (400, "InvalidDigest")

        run(scenario)

    def test_an_unknown_access_key_is_refused(self) -> None:
        """A key that nobody has is InvalidAccessKeyId."""

        async def scenario(setting: Setting) -> None:
            stranger = replace(ALICE, access_key_id="NOBODYSKEY")
            client = Client(setting.alice.application, stranger)

            answer = await client.request("GET", "/")

            assert (answer.status, answer.error_code) == (403, "InvalidAccessKeyId")

        run(scenario)

    def test_a_wrong_secret_is_refused(self) -> None:
        """A signature made with another secret is SignatureDoesNotMatch."""

        async def scenario(setting: Setting) -> None:
            impostor = replace(ALICE, secret_access_key="guessed")
            client = Client(setting.alice.application, impostor)

            answer = await client.request("GET", "/")

            assert (answer.status, answer.error_code) == (403, "SignatureDoesNotMatch")

        run(scenario)

    def test_anonymous_requests_learn_only_whether_a_bucket_exists(self) -> None:
        """A missing bucket beats missing rights; an existing one is closed."""

        async def scenario(setting: Setting) -> None:
            await setting.alice.request("PUT", "/bucket")

            missing = await setting.nobody.request("GET", "/missing")
            closed = await setting.nobody.request("GET", "/bucket")
            listing = await setting.nobody.request("GET", "/")
            creating = await setting.nobody.request("PUT", "/another")

            assert (missing.status, missing.error_code) == (404, "NoSuchBucket")
            assert (closed.status, closed.error_code) == (403, "AccessDenied")
            assert (listing.status, listing.error_code) == (403, "AccessDenied")
            assert (creating.status, creating.error_code) == (403, "AccessDenied")

        run(scenario)

    def test_a_wrong_expected_owner_is_refused(self) -> None:
        """x-amz-expected-bucket-owner has to be the owner's canonical id."""

        async def scenario(setting: Setting) -> None:
            await setting.alice.request("PUT", "/bucket")

            right = await setting.alice.request(
                "GET", "/bucket", headers={"x-amz-expected-bucket-owner": ALICE.canonical_id}
            )
            wrong = await setting.alice.request(
                "GET", "/bucket", headers={"x-amz-expected-bucket-owner": BOB.canonical_id}
            )

            assert right.status == 200
            assert (wrong.status, wrong.error_code) == (403, "AccessDenied")

        run(scenario)


class TestErrors:
    """How an error reaches the client."""

    def test_the_document_names_the_request(self) -> None:
        """RequestId in the document is the x-amz-request-id header."""

        async def scenario(setting: Setting) -> None:
            answer = await setting.alice.request("GET", "/missing/a%20key")

            assert answer.status == 404
            assert answer.headers["content-type"] == "application/xml"
            assert answer.headers["content-length"] == str(len(answer.body))
            assert answer.xml.findtext("RequestId") == answer.headers["x-amz-request-id"]
            assert answer.xml.findtext("HostId") == answer.headers["x-amz-id-2"]
            assert answer.xml.findtext("Resource") == "/missing/a key"

        run(scenario)

    def test_head_errors_have_no_body(self) -> None:
        """HEAD answers with the status alone."""

        async def scenario(setting: Setting) -> None:
            answer = await setting.alice.request("HEAD", "/missing")

            assert (answer.status, answer.body) == (404, b"")
            assert answer.headers["content-length"] == "0"

        run(scenario)

    def test_a_crash_is_an_internal_error_that_leaks_nothing(self) -> None:
        """The traceback goes to the log, the request id to the client."""

        async def scenario(setting: Setting) -> None:
            setting.node.commits.failure = ZeroDivisionError("secret detail")

            answer = await setting.alice.request("PUT", "/bucket")

            assert (answer.status, answer.error_code) == (500, "InternalError")
            assert b"secret detail" not in answer.body
            assert [str(error) for error in setting.records.crashes] == ["secret detail"]

        run(scenario)

    @pytest.mark.parametrize(
        "failure", [StorageFullError("full"), CommitUnknownError("lost")], ids=["full", "unknown"]
    )
    def test_what_may_pass_is_service_unavailable(self, failure: Exception) -> None:
        """A full disk or a lost node are 503, to be retried later, and no crash."""

        async def scenario(setting: Setting) -> None:
            setting.node.commits.failure = failure

            answer = await setting.alice.request("PUT", "/bucket")

            assert (answer.status, answer.error_code) == (503, "ServiceUnavailable")
            assert answer.headers["retry-after"] == "1"
            assert not setting.records.crashes

        run(scenario)

    def test_too_many_requests_are_shed_but_health_is_not(self) -> None:
        """Beyond the limit, requests get SlowDown at once; health checks go on."""

        async def scenario(setting: Setting) -> None:
            gateway = setting.node.with_settings(replace(SETTINGS, requests_in_flight_max=0))
            application = make_app(gateway, setting.records)

            shed = await Client(application, ALICE).request("GET", "/")
            live = await Client(application, None).request("GET", "/minio/health/live")

            assert (shed.status, shed.error_code) == (503, "SlowDown")
            assert shed.headers["retry-after"] == "1"
            assert live.status == 200

        run(scenario)


class TestHealth:
    """Health checks need no credentials."""

    def test_ready_means_able_to_commit(self) -> None:
        """Live while it answers, ready only while commits are taken."""

        async def scenario(setting: Setting) -> None:
            ready = await setting.nobody.request("GET", "/minio/health/ready")
            setting.node.commits.is_ready = False
            not_ready = await setting.nobody.request("GET", "/minio/health/ready")
            live = await setting.nobody.request("GET", "/minio/health/live")

            assert [ready.status, not_ready.status, live.status] == [200, 503, 200]

        run(scenario)

    def test_a_virtual_host_hides_them(self) -> None:
        """Under a bucket's host name the same path is an object's."""

        async def scenario(setting: Setting) -> None:
            answer = await setting.alice.request(
                "GET", "/minio/health/live", headers={"host": "bucket.s3.localhost"}
            )

            assert (answer.status, answer.error_code) == (404, "NoSuchBucket")

        run(scenario)
