"""Rucket in a container, for tests of any project: see docs/testcontainers.md."""

from rucket_platform.containers.rucket_container import RucketConfig, RucketContainer, RucketUser

__all__ = ["RucketConfig", "RucketContainer", "RucketUser"]
