"""Which Rucket this is."""

from importlib.metadata import version

VERSION = version("rucket")
