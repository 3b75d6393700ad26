"""Has the engine build the image from a folder that was laid out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from docker.errors import APIError, DockerException

from rucket_platform.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from docker import DockerClient

_LAST_LINES = 10


@dataclass(frozen=True, slots=True)
class ImagePlan:
    """What to build.

    Attributes:
        context: The folder.
        tag: The image's name, as in `rucket:0.1.0`.
        base: The image below it: Debian's or the official slim Python, of `PYTHON_VERSION`.
        architecture: As the engine calls it.
        arguments: Further build arguments of the Dockerfile.
    """

    context: Path
    tag: str
    base: str
    architecture: str
    arguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """What was built; sizes are of the unpacked files."""

    tag: str
    id: str
    size_bytes: int
    base_size_bytes: int


def build(client: DockerClient, plan: ImagePlan, say: Callable[[str], None]) -> BuiltImage:
    """Build the image.

    Raises:
        ImageError: The engine refused; carries its last words.
    """
    try:
        answer = client.api.build(
            path=str(plan.context),
            tag=plan.tag,
            platform=f"linux/{plan.architecture}",
            buildargs={"BASE": plan.base, **plan.arguments},
            rm=True,
            forcerm=True,
            decode=True,
        )
        _follow(answer, say)
        image = client.images.get(plan.tag)
        base = client.images.get(plan.base)
    except APIError as error:
        raise ImageError(f"building {plan.tag}: {error.explanation or error}") from error
    except DockerException as error:
        raise ImageError(f"building {plan.tag}: {error}") from error
    return BuiltImage(
        tag=plan.tag,
        id=str(image.id),
        size_bytes=int(image.attrs["Size"]),
        base_size_bytes=int(base.attrs["Size"]),
    )


def _follow(answer: Iterable[dict[str, Any]], say: Callable[[str], None]) -> None:
    lines: list[str] = []
    for event in answer:
        if "error" in event:
            last = "\n".join([*lines[-_LAST_LINES:], str(event["error"]).strip()])
            raise ImageError(f"the engine could not build the image:\n{last}")
        line = str(event.get("stream") or event.get("status") or "").strip()
        if line:
            lines.append(line)
            say(line)
