"""One scenario, from a stage to a verdict."""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from chaos.errors import ChaosError
from chaos.scenario import Need
from chaos.verdicts import Verdict, judge
from chaos.workload import Clients, connect
from rucket_platform.command_line import interrupts_deferred
from rucket_platform.errors import PlatformError, WaitTimeout
from rucket_platform.targets.leftovers import remove_bucket
from rucket_platform.wait import wait_until

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

    from chaos.scenario import Planned, Scenario
    from chaos.stage import Stage
    from rucket_platform.histories.availability import Attempt
    from rucket_platform.tools.progress import Progress

_READY_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Event:
    """A fault as it really was."""

    name: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Judged:
    """A scenario that was run.

    Attributes:
        skipped: Why it could not be; empty if it was.
    """

    scenario: Scenario
    seed: int
    verdicts: tuple[Verdict, ...] = ()
    events: tuple[Event, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    skipped: str = ""

    @property
    def passed(self) -> bool:
        """Whether every promise was kept."""
        return bool(self.verdicts) and all(verdict.kept for verdict in self.verdicts)


def play(scenario: Scenario, stage: Stage, seed: int, progress: Progress) -> Judged:
    """Run a scenario on a stage.

    Raises:
        FaultError: Something could not be broken or mended, or the proxy is gone; nothing was
            judged.
        ChaosError: The server was not fit for a run to begin with, or never came back.
    """
    bucket = f"chaos-{secrets.token_hex(6)}"
    connection = stage.target.connection()
    direct = connect(connection, stage.target.endpoint)
    try:
        direct.create_bucket(Bucket=bucket)
    except (ClientError, BotoCoreError) as error:
        raise ChaosError(f"no bucket can be made at {stage.target.endpoint}: {error}") from error
    try:
        if scenario.load.keeps_versions and (refusal := _refusal_of_versions(direct, bucket)):
            reason = f"needs {Need.VERSIONS}: this one answers {refusal}"
            return Judged(scenario, seed, skipped=reason)
        return _judged(scenario, stage, direct, bucket, seed)
    finally:
        remove_bucket(connection, bucket, progress)


def _judged(scenario: Scenario, stage: Stage, direct: S3Client, bucket: str, seed: int) -> Judged:
    connection = stage.target.connection()
    clients = Clients(connection, stage.proxy.endpoint, bucket, scenario.load, seed)
    clients.start()
    try:
        events = _carry_out(scenario, stage, clients)
        # What takes longer than planned, such as a start, takes nothing from the calm after it.
        calm_s = scenario.duration_s - max(planned.end_s for planned in scenario.faults)
        _sleep_until(clients, max(event.end_s for event in events) + calm_s)
        stage.proxy.check()
    finally:
        clients.stop()

    def answers() -> bool:
        with suppress(ClientError, BotoCoreError):
            direct.list_objects_v2(Bucket=bucket)
            return True
        return False

    with suppress(WaitTimeout):  # the last reads then tell what is wrong
        wait_until(answers, timeout_s=_READY_TIMEOUT_S, what="the server to answer again")
    clients.read_all(direct, bucket, scenario.load)
    healed_s = max(event.end_s for event in events)
    verdicts = judge(scenario, clients.notes, healed_s)
    return Judged(scenario, seed, verdicts, tuple(events), tuple(clients.notes.attempts))


def _refusal_of_versions(client: S3Client, bucket: str) -> str:
    """Let a bucket keep versions; returns why it doesn't, empty if it does."""
    try:
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        answer = client.put_object(Bucket=bucket, Key="kept")
    except ClientError as error:
        return error.response["Error"]["Code"] or "with an error"
    except BotoCoreError as error:
        raise ChaosError(f"the server can't be asked to keep versions: {error}") from error
    return "" if answer.get("VersionId") else "well, but gives a write no version id"


def _carry_out(scenario: Scenario, stage: Stage, clients: Clients) -> list[Event]:
    """Begin and end each fault in time; whatever happens, none is left begun.

    If one takes longer to end than planned, those that follow come so much later.
    """
    steps = sorted(
        [(planned.start_s, 0, number) for number, planned in enumerate(scenario.faults)]
        + [(planned.end_s, 1, number) for number, planned in enumerate(scenario.faults)]
    )
    begun: dict[int, tuple[Planned, float]] = {}
    events: list[Event] = []
    late_s = 0.0
    try:
        for at_s, what, number in steps:
            _sleep_until(clients, at_s + late_s)
            if what == 0:
                planned = scenario.faults[number]
                started_s = clients.now_s()
                planned.fault.begin(stage)
                begun[number] = (planned, started_s)
            else:
                planned, started_s = begun.pop(number)
                planned.fault.end(stage)
                ended_s = clients.now_s()
                events.append(Event(planned.fault.name, started_s, ended_s))
                late_s = max(late_s, ended_s - at_s)
    finally:
        with interrupts_deferred():
            for planned, _ in begun.values():
                with suppress(PlatformError):
                    planned.fault.end(stage)
    return events


def _sleep_until(clients: Clients, at_s: float) -> None:
    left_s = at_s - clients.now_s()
    if left_s > 0:
        time.sleep(left_s)
