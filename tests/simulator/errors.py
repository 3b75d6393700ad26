"""What can go wrong in a simulated run.

::

    SimulationError              the run itself is at fault, or the code under test misuses a port
    ├── DeadlockError            nothing is ready and nothing is due
    ├── LivelockError            turns without end
    └── UnawaitedFailureError    a task failed and nobody looked
    Cancelled                    raised in a task that is cancelled; as asyncio's, no Exception
    ProcessKilled                raised in what a killed process still tries to do
"""

from __future__ import annotations


class SimulationError(BaseException):
    """The run can't go on. Not an Exception, so that no handler of the code under test hides it."""


class DeadlockError(SimulationError):
    """Nothing is ready, and no timer will change that."""

    def __init__(self, waiting_tasks: list[str]) -> None:
        super().__init__("nothing can ever happen again:\n  " + "\n  ".join(waiting_tasks))
        self.waiting_tasks = waiting_tasks


class LivelockError(SimulationError):
    """The run doesn't come to an end."""


class UnawaitedFailureError(SimulationError):
    """A task ended with an exception that nobody awaited."""

    def __init__(self, task_name: str, error: BaseException) -> None:
        super().__init__(f"task {task_name} failed unnoticed: {error!r}")
        self.task_name = task_name


class Cancelled(BaseException):
    """The task has been cancelled."""


class ProcessKilled(BaseException):
    """The process that makes this call is dead. Not an Exception, so that no handler of the code
    under test mistakes it for a failure it can deal with."""
