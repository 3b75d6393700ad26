"""The published examples of the S3 User Guide, shared by the tests of this folder.

Source: "Signing and authenticating REST requests" (RESTAuthentication), "Authentication examples".
The guide changed the example of DELETE more than once: this is the string that it shows, an
``x-amz-date`` after a ``Date`` that doesn't count.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rucket.wire.sigv4.canonical_request import SignedRequest

ACCESS_KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET_ACCESS_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
MARCH_27_MS = 1_174_953_600_000  # 20070327T000000Z
URL_EXPIRES_MS = 1_175_139_620_000


@dataclass(frozen=True)
class Example:
    """One of them; ``clock`` is the moment, in hours, minutes and seconds since March 27."""

    method: str
    path: str
    signature: str
    string_to_sign: str
    clock: tuple[int, int, int]
    headers: dict[str, str] = field(default_factory=dict)
    query: str = ""
    bucket_of_host: str = "johnsmith"

    @property
    def now_ms(self) -> int:
        """The moment at which it was sent."""
        hours, minutes, seconds = self.clock
        return MARCH_27_MS + ((hours * 60 + minutes) * 60 + seconds) * 1000

    @property
    def request(self) -> SignedRequest:
        """As the server receives it."""
        headers = {**self.headers, "authorization": f"AWS {ACCESS_KEY_ID}:{self.signature}"}
        return SignedRequest(self.method, self.path.encode(), self.query.encode(), headers)


GET_OBJECT = Example(
    "GET",
    "/photos/puppy.jpg",
    "bWq2s1WEIj+Ydj0vQ697zp+IXMU=",
    "GET\n\n\nTue, 27 Mar 2007 19:36:42 +0000\n/johnsmith/photos/puppy.jpg",
    (19, 36, 42),
    {"date": "Tue, 27 Mar 2007 19:36:42 +0000", "host": "johnsmith.s3.amazonaws.com"},
)
PUT_OBJECT = Example(
    "PUT",
    "/photos/puppy.jpg",
    "MyyxeRY7whkBe+bq8fHCL/2kKUg=",
    "PUT\n\nimage/jpeg\nTue, 27 Mar 2007 21:15:45 +0000\n/johnsmith/photos/puppy.jpg",
    (21, 15, 45),
    {
        "content-type": "image/jpeg",
        "content-length": "94328",
        "date": "Tue, 27 Mar 2007 21:15:45 +0000",
    },
)
LIST_OBJECTS = Example(
    "GET",
    "/",
    "htDYFYduRNen8P9ZfE/s9SuKy0U=",
    "GET\n\n\nTue, 27 Mar 2007 19:42:41 +0000\n/johnsmith/",
    (19, 42, 41),
    {"user-agent": "Mozilla/5.0", "date": "Tue, 27 Mar 2007 19:42:41 +0000"},
    query="prefix=photos&max-keys=50&marker=puppy",
)
GET_ACL = Example(
    "GET",
    "/",
    "c2WLPFtWHVgbEmeEG93a4cG37dM=",
    "GET\n\n\nTue, 27 Mar 2007 19:44:46 +0000\n/johnsmith/?acl",
    (19, 44, 46),
    {"date": "Tue, 27 Mar 2007 19:44:46 +0000"},
    query="acl",
)
DELETE_OBJECT = Example(
    "DELETE",
    "/johnsmith/photos/puppy.jpg",
    "R4dJ53KECjStyBO5iTBJZ4XVOaI=",
    "DELETE\n\n\n\nx-amz-date:Tue, 27 Mar 2007 21:20:26 +0000\n/johnsmith/photos/puppy.jpg",
    (21, 20, 26),
    {
        "user-agent": "dotnet",
        "host": "s3.amazonaws.com",
        "date": "Tue, 27 Mar 2007 21:20:27 +0000",
        "x-amz-date": "Tue, 27 Mar 2007 21:20:26 +0000",
    },
    bucket_of_host="",
)
UPLOAD = Example(
    "PUT",
    "/db-backup.dat.gz",
    "ilyl83RwaSoYIEdixDQcA4OnAnc=",
    "PUT\n4gJE4saaMU4BqNR0kLY+lw==\napplication/x-download\nTue, 27 Mar 2007 21:06:08 +0000\n"
    "x-amz-acl:public-read\nx-amz-meta-checksumalgorithm:crc32\n"
    "x-amz-meta-filechecksum:0x02661779\n"
    "x-amz-meta-reviewedby:joe@johnsmith.net,jane@johnsmith.net\n"
    "/static.johnsmith.net/db-backup.dat.gz",
    (21, 6, 8),
    {
        "user-agent": "curl/7.15.5",
        "host": "static.johnsmith.net:8080",
        "date": "Tue, 27 Mar 2007 21:06:08 +0000",
        "x-amz-acl": "public-read",
        "content-type": "application/x-download",
        "content-md5": "4gJE4saaMU4BqNR0kLY+lw==",
        "x-amz-meta-reviewedby": "joe@johnsmith.net,jane@johnsmith.net",
        "x-amz-meta-filechecksum": "0x02661779",
        "x-amz-meta-checksumalgorithm": "crc32",
        "content-disposition": "attachment; filename=database.dat",
        "content-encoding": "gzip",
        "content-length": "5913339",
    },
    bucket_of_host="static.johnsmith.net",
)
LIST_BUCKETS = Example(
    "GET",
    "/",
    "qGdzdERIC03wnaRNKh6OqZehG9s=",
    "GET\n\n\nWed, 28 Mar 2007 01:29:59 +0000\n/",
    (25, 29, 59),
    {"host": "s3.amazonaws.com", "date": "Wed, 28 Mar 2007 01:29:59 +0000"},
    bucket_of_host="",
)
UNICODE_KEY = Example(
    "GET",
    "/dictionary/fran%C3%A7ais/pr%c3%a9f%c3%a8re",
    "DNEZGsoieTZ92F3bUfSPQcbGmlM=",
    "GET\n\n\nWed, 28 Mar 2007 01:49:49 +0000\n/dictionary/fran%C3%A7ais/pr%c3%a9f%c3%a8re",
    (25, 49, 49),
    {"host": "s3.amazonaws.com", "date": "Wed, 28 Mar 2007 01:49:49 +0000"},
    bucket_of_host="",
)
URL = SignedRequest(
    "GET",
    b"/photos/puppy.jpg",
    b"AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D"
    b"&Expires=1175139620",
    {"host": "johnsmith.s3.amazonaws.com"},
)
