"""What a scenario is given: the endpoint, two users' keys, an empty bucket, a directory."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Session:
    """One scenario's surroundings; `bucket` exists, is empty and belongs to the first user."""

    endpoint: str
    region: str
    access_key: str
    secret_key: str
    stranger_access_key: str
    stranger_secret_key: str
    bucket: str
    directory: str

    def to_json(self) -> str:
        """Write the session for the process that runs the scenario."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Session":
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))

    def path(self, name: str) -> Path:
        """A path inside the scenario's directory."""
        return Path(self.directory) / name


Scenario = Callable[[Session], None]
