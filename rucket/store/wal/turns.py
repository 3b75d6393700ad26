"""Work on the newest segment that must not overlap: syncing it, and going on to the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.errors import OperatingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rucket.ports.tasks import Promise, Tasks

    Settle = Callable[[OperatingError | None], None]


class Turns:
    """Has blocking work done one after the other.

    Work that has begun goes on when whoever waits for it is cancelled. Before the next may begin,
    `settle` is told what became of it: a second sync of a file may succeed because the first one
    has already reported the failure of both.
    """

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._waiting: list[Promise[None]] = []
        self.is_taken = False

    async def free(self) -> None:
        """Returns when no work is being done."""
        while self.is_taken:
            # One for each: who is cancelled cancels what it waits for.
            turn = self._tasks.promise()
            self._waiting.append(turn)
            await turn

    def begin(self, work: Callable[[], None], settle: Settle) -> Promise[OperatingError | None]:
        """Does `work` in a thread that may block; no other work is being done.

        Returns:
            What it raised; None if all is well.
        """
        assert not self.is_taken
        self.is_taken = True
        done = self._tasks.promise()
        self._tasks.spawn(self._carry_out(work, settle, done), "wal-turn")
        return done

    async def _carry_out(
        self, work: Callable[[], None], settle: Settle, done: Promise[OperatingError | None]
    ) -> None:
        failure: OperatingError | None = None
        try:
            await self._tasks.run_blocking(work)
        except OperatingError as error:
            failure = error
        except BaseException as error:
            done.set_exception(error)
            raise
        settle(failure)
        self.is_taken = False
        waiting, self._waiting = self._waiting, []
        for turn in waiting:
            turn.set_result(None)
        done.set_result(failure)
