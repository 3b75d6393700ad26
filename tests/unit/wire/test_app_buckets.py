"""Buckets and listings over HTTP, in process."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rucket.wire.app import make_app
from tests.unit.fakes import ALICE, BOB, SETTINGS, Node
from tests.unit.in_process_client import Client

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.unit.in_process_client import Answer


def run(scenario: Callable[[Client, Client], Awaitable[None]], *, region: str = "") -> None:
    """Runs a scenario with alice and bob against a node of its own."""

    async def body() -> None:
        settings = replace(SETTINGS, region=region or SETTINGS.region)
        application = make_app(Node(settings).gateway)
        await scenario(Client(application, ALICE), Client(application, BOB))

    asyncio.run(body())


async def put_keys(client: Client, keys: list[str]) -> None:
    """Makes a bucket with these (unencoded, plain) keys."""
    await client.request("PUT", "/bucket")
    for key in keys:
        assert (await client.request("PUT", f"/bucket/{key}", b"x")).status == 200


def keys_of(answer: Answer) -> list[str]:
    """The keys of a listing."""
    return answer.texts("Contents/Key")


class TestBuckets:
    """Making, finding and removing buckets."""

    def test_a_bucket_belongs_to_its_creator(self) -> None:
        """Others can neither use nor take it, and don't see it in their list."""

        async def scenario(alice: Client, bob: Client) -> None:
            created = await alice.request("PUT", "/bucket")
            again = await alice.request("PUT", "/bucket")
            taken = await bob.request("PUT", "/bucket")

            assert (created.status, created.headers["location"]) == (200, "/bucket")
            assert again.status == 200
            assert (taken.status, taken.error_code) == (409, "BucketAlreadyExists")
            assert (await bob.request("HEAD", "/bucket")).status == 403
            assert (await bob.request("DELETE", "/bucket")).error_code == "AccessDenied"
            assert (await bob.request("GET", "/")).texts("Buckets/Bucket/Name") == []
            assert (await alice.request("GET", "/")).texts("Buckets/Bucket/Name") == ["bucket"]

        run(scenario)

    def test_only_an_empty_bucket_goes(self) -> None:
        """BucketNotEmpty, then 204, then NoSuchBucket."""

        async def scenario(alice: Client, _bob: Client) -> None:
            await put_keys(alice, ["key"])

            full = await alice.request("DELETE", "/bucket")
            await alice.request("DELETE", "/bucket/key")
            empty = await alice.request("DELETE", "/bucket")
            gone = await alice.request("DELETE", "/bucket")

            assert (full.status, full.error_code) == (409, "BucketNotEmpty")
            assert empty.status == 204
            assert "content-length" not in empty.headers
            assert gone.error_code == "NoSuchBucket"

        run(scenario)

    @pytest.mark.parametrize("name", ["ab", "UPPER", "under_score", "192.168.0.1", "minio"])
    def test_bad_names_are_refused(self, name: str) -> None:
        """InvalidBucketName."""

        async def scenario(alice: Client, _bob: Client) -> None:
            answer = await alice.request("PUT", f"/{name}")

            assert (answer.status, answer.error_code) == (400, "InvalidBucketName")

        run(scenario)

    @pytest.mark.parametrize(
        ("region", "constraint", "location"),
        [
            ("us-east-1", "", ""),
            ("us-east-1", "us-east-1", "us-east-1"),
            ("eu-1", "", "eu-1"),
            ("eu-1", "eu-1", "eu-1"),
        ],
    )
    def test_the_location_is_what_was_asked_for(
        self, region: str, constraint: str, location: str
    ) -> None:
        """Or else the region, which is written as nothing for us-east-1."""
        document = (
            "<CreateBucketConfiguration><LocationConstraint>"
            f"{constraint}</LocationConstraint></CreateBucketConfiguration>"
        )

        async def scenario(alice: Client, _bob: Client) -> None:
            await alice.request("PUT", "/bucket", document.encode() if constraint else b"")

            answer = await alice.request("GET", "/bucket?location")
            head = await alice.request("HEAD", "/bucket")

            assert (answer.xml.text or "") == location
            assert head.headers["x-amz-bucket-region"] == region

        run(scenario, region=region)

    def test_another_region_is_refused(self) -> None:
        """There is one region here."""
        document = (
            b"<CreateBucketConfiguration><LocationConstraint>mars-1</LocationConstraint>"
            b"</CreateBucketConfiguration>"
        )

        async def scenario(alice: Client, _bob: Client) -> None:
            answer = await alice.request("PUT", "/bucket", document)

            assert answer.error_code == "IllegalLocationConstraintException"

        run(scenario)

    def test_lists_of_buckets_go_page_by_page(self) -> None:
        """In order of names; no token when the last page is exactly full."""

        async def scenario(alice: Client, _bob: Client) -> None:
            for name in ("delta", "alpha", "charlie", "bravo"):
                await alice.request("PUT", f"/{name}")

            first = await alice.request("GET", "/?max-buckets=2")
            token = first.xml.findtext("ContinuationToken", "")
            second = await alice.request("GET", f"/?continuation-token={token}&max-buckets=2")
            with_prefix = await alice.request("GET", "/?prefix=ch")

            assert first.texts("Buckets/Bucket/Name") == ["alpha", "bravo"]
            assert second.texts("Buckets/Bucket/Name") == ["charlie", "delta"]
            assert second.xml.find("ContinuationToken") is None
            assert with_prefix.texts("Buckets/Bucket/Name") == ["charlie"]

        run(scenario)


class TestListings:
    """ListObjects, ListObjectsV2 and ListObjectVersions."""

    def test_version_one_goes_on_by_marker(self) -> None:
        """NextMarker only with a delimiter; owners are shown."""

        async def scenario(alice: Client, _bob: Client) -> None:
            await put_keys(alice, ["a", "b/1", "b/2", "c"])

            plain = await alice.request("GET", "/bucket?max-keys=2")
            rolled = await alice.request("GET", "/bucket?max-keys=2&delimiter=/")
            rest = await alice.request("GET", "/bucket?delimiter=/&marker=b/")

            assert keys_of(plain) == ["a", "b/1"]
            assert plain.xml.find("NextMarker") is None
            assert plain.texts("Contents/Owner/DisplayName") == ["Alice", "Alice"]
            assert rolled.texts("CommonPrefixes/Prefix") == ["b/"]
            assert rolled.xml.findtext("NextMarker") == "b/"
            assert keys_of(rest) == ["c"]

        run(scenario)

    def test_version_two_goes_on_by_token(self) -> None:
        """The token wins over start-after; both are echoed."""

        async def scenario(alice: Client, _bob: Client) -> None:
            await put_keys(alice, ["a", "b", "c", "d"])

            first = await alice.request("GET", "/bucket?list-type=2&max-keys=2")
            token = first.xml.findtext("NextContinuationToken", "")
            second = await alice.request(
                "GET", f"/bucket?list-type=2&continuation-token={token}&start-after=c"
            )

            assert first.xml.findtext("IsTruncated") == "true"
            assert first.xml.findtext("KeyCount") == "2"
            assert first.xml.find("Contents/Owner") is None
            assert keys_of(second) == ["c", "d"]
            assert second.xml.findtext("ContinuationToken") == token
            assert second.xml.findtext("StartAfter") == "c"
            assert second.xml.find("NextContinuationToken") is None

        run(scenario)

    @pytest.mark.parametrize(
        "query",
        [
            "max-keys=blah",
            "max-keys=-1",
            "max-keys=99999999999",
            "encoding-type=utf-7",
            "list-type=3",
            "list-type=2&continuation-token=made-up",
            "versions&version-id-marker=null",
        ],
    )
    def test_bad_parameters_are_refused(self, query: str) -> None:
        """InvalidArgument."""

        async def scenario(alice: Client, _bob: Client) -> None:
            await alice.request("PUT", "/bucket")

            answer = await alice.request("GET", f"/bucket?{query}")

            assert (answer.status, answer.error_code) == (400, "InvalidArgument")

        run(scenario)

    def test_keys_can_be_encoded(self) -> None:
        """encoding-type=url encodes keys and prefixes, and keeps slashes."""

        async def scenario(alice: Client, _bob: Client) -> None:
            await put_keys(alice, ["a%20b", "p%2Bq/c"])

            answer = await alice.request("GET", "/bucket?list-type=2&encoding-type=url&delimiter=/")

            assert keys_of(answer) == ["a%20b"]
            assert answer.texts("CommonPrefixes/Prefix") == ["p%2Bq/"]
            assert answer.xml.findtext("EncodingType") == "url"

        run(scenario)

    def test_every_object_is_its_own_null_version(self) -> None:
        """Without versioning, a key has one version, the latest."""

        async def scenario(alice: Client, _bob: Client) -> None:
            await put_keys(alice, ["a", "b", "c"])

            first = await alice.request("GET", "/bucket?versions&max-keys=2")
            rest = await alice.request(
                "GET", "/bucket?versions&key-marker=b&version-id-marker=null"
            )

            assert first.texts("Version/Key") == ["a", "b"]
            assert set(first.texts("Version/VersionId")) == {"null"}
            assert set(first.texts("Version/IsLatest")) == {"true"}
            assert first.xml.findtext("NextKeyMarker") == "b"
            assert first.xml.findtext("NextVersionIdMarker") == "null"
            assert rest.texts("Version/Key") == ["c"]

        run(scenario)

    def test_the_owner_has_full_control_of_an_object(self) -> None:
        """GetObjectAcl shows one grant; a missing object is NoSuchKey."""

        async def scenario(alice: Client, _bob: Client) -> None:
            await put_keys(alice, ["key"])

            acl = await alice.request("GET", "/bucket/key?acl")
            tags = await alice.request("GET", "/bucket/key?tagging")
            missing = await alice.request("GET", "/bucket/missing?acl")

            assert acl.texts("AccessControlList/Grant/Permission") == ["FULL_CONTROL"]
            assert acl.xml.findtext("Owner/ID") == ALICE.canonical_id
            assert tags.texts("TagSet/Tag") == []
            assert missing.error_code == "NoSuchKey"

        run(scenario)
