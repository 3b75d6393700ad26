"""Runs the engine through the Automation API: the program in `infra/`, the stack of `make env`."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulumi import automation

from rucket_platform.errors import StackError
from rucket_platform.stacks.display import EngineDisplay, EngineLog
from rucket_platform.stacks.recovery import break_stale_locks, drop_pending_operations
from rucket_platform.stacks.stack_file import without_salt
from rucket_platform.stacks.workspace import (
    OVERRIDING_VARIABLES,
    PROJECT,
    Workspace,
    environment,
    prepare,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rucket_platform.tools.pinned import ToolSet
    from rucket_platform.tools.progress import Progress

_PROJECT_STUB = f"name: {PROJECT}\nruntime: python\n"


class Engine:
    """The engine, working on one stack."""

    def __init__(self, workspace: Workspace, tools: ToolSet, progress: Progress) -> None:
        self._workspace = workspace
        self._progress = progress
        self._environment = dict(environment(workspace, tools))
        self._command = automation.PulumiCommand(root=str(tools.directory.parent))
        self._selected: automation.Stack | None = None

    def create_stack(self) -> None:
        """Create the stack's state unless it is there.

        It is created from a project file elsewhere: the engine writes into the stack file beside
        it how secrets are encrypted, and ours is checked in.
        """
        prepare(self._workspace)
        if self._workspace.checkpoint.exists():
            return
        with tempfile.TemporaryDirectory(prefix="rucket-stack-") as directory:
            (Path(directory) / "Pulumi.yaml").write_text(_PROJECT_STUB, encoding="utf-8")
            with _translated():
                automation.create_stack(
                    self._workspace.stack, work_dir=directory, opts=self._options()
                )

    def up(self) -> int:
        """Deploy; return how many resources changed.

        Raises:
            StackError: Something could not be deployed; the text says what, and why.
        """
        self.create_stack()
        return self._work("deploying", "under half a minute", lambda stack, **how: stack.up(**how))

    def destroy(self) -> int:
        """Remove everything, data as declared; return how many resources that were.

        Raises:
            StackError: Something could not be removed.
        """
        self.require_stack()
        return self._work(
            "removing", "under half a minute", lambda stack, **how: stack.destroy(**how)
        )

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs, secrets in clear.

        Raises:
            StackError: Nothing has been deployed.
        """
        self.require_stack()
        with _translated():
            found = self._stack().outputs()
        if "regions" not in found:
            raise StackError(f"nothing runs in stack {self._workspace.stack}; run `make up` first")
        return {name: output.value for name, output in found.items()}

    def resources(self) -> list[dict[str, Any]]:
        """Return the resources as the state records them, secrets in clear."""
        self.require_stack()
        with _translated():
            deployment = self._stack().export_stack().deployment or {}
        return list(deployment.get("resources") or [])

    def require_stack(self) -> None:
        """Return if the stack has ever been brought up.

        Raises:
            StackError: It has not.
        """
        if not self._workspace.checkpoint.exists():
            raise StackError(
                f"stack {self._workspace.stack} has not been brought up yet; run `make up` first"
            )
        prepare(self._workspace)

    def _work(self, title: str, usually: str, operate: Callable[..., object]) -> int:
        if break_stale_locks(self._workspace):
            self._progress.say("the last run was cut off: its lock is removed")
        stack = self._stack()
        with _translated():
            dropped = drop_pending_operations(self._workspace, stack)
        if dropped:
            self._progress.say(f"the last run was cut off: {dropped} operations are begun again")
        log = EngineLog(self._workspace.engine_log)
        step = self._progress.step(f"{title} {self._workspace.stack}", usually=usually)
        with step as show, without_salt(self._workspace):
            display = EngineDisplay(self._progress, show)
            try:
                operate(
                    stack,
                    on_event=display.on_event,
                    on_output=log.write,
                    on_error=log.write,
                    color="never",
                    show_secrets=False,
                )
            except automation.CommandError as error:
                raise self._failure(title, error, display.problems) from error
            finally:
                log.close()
        return display.change_count

    def _failure(
        self, title: str, error: automation.CommandError, problems: list[str]
    ) -> StackError:
        reasons = problems or [_plain(error)]
        return StackError(
            f"{title} {self._workspace.stack} failed:\n"
            + "\n".join(f"  {reason}" for reason in reasons)
            + f"\n(all that the engine said: {self._workspace.engine_log})"
        )

    def _stack(self) -> automation.Stack:
        if self._selected is None:
            with _translated():
                self._selected = automation.select_stack(
                    self._workspace.stack, work_dir=str(self._workspace.infra), opts=self._options()
                )
        return self._selected

    def _options(self) -> automation.LocalWorkspaceOptions:
        for variable in OVERRIDING_VARIABLES:
            os.environ.pop(variable, None)
        return automation.LocalWorkspaceOptions(
            env_vars=self._environment,
            pulumi_home=self._environment["PULUMI_HOME"],
            pulumi_command=self._command,
        )


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except automation.CommandError as error:
        raise StackError(_plain(error)) from error


def _plain(error: automation.CommandError) -> str:
    text = str(error)
    # The engine gives no code for this one.
    if "incorrect passphrase" in text:
        return (
            "the passphrase does not open this stack's secrets: the passphrase file is another "
            "one than the stack was made with, or the stack file carries an encryptionsalt "
            "from another machine (remove that line)"
        )
    _, _, standard_error = text.partition("stderr:")
    return standard_error.strip() or text.strip()
