"""The executable `pulumi-resource-rucket`."""

from __future__ import annotations

import sys

from rucket_platform.provider.plugin import serve
from rucket_platform.provider.rucket_provider import RucketProvider
from rucket_platform.substrates.by_image import ByImage

if __name__ == "__main__":
    serve(RucketProvider(ByImage()), sys.argv[1:])
