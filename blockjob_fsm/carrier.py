"""What a change of a live job makes necessary outside is done in order, and without its lock.

Changes happen under a lock and take microseconds. What they make necessary (events, I/O, callbacks)
is queued meanwhile, and done without the lock by whichever thread finds nobody doing it already:
the carrier. A listener or a callback may therefore call any verb of its own job. Which steps there
are, and what they are called, is not this file's business.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

from blockjob_fsm.executor import Condition, Executor, Task, Timer

#: A request of many units comes back so often, so that progress is published on slow disks too.
REPORT_NS = 100_000_000


class Carrier:
    """A queue of tasks behind a lock. Whoever changes something calls `_carry_out` afterwards."""

    __slots__ = ("_carrier", "_executor", "_lock", "_outbox")

    def __init__(self, executor: Executor, lock: AbstractContextManager[bool] | Condition) -> None:
        self._executor = executor
        self._lock = lock
        self._outbox: deque[Task] = deque()
        self._carrier: int | None = None

    def _carry_out(self) -> None:
        """Do the queued tasks in order, unless another call, or an outer one, is at it.

        What a listener or a callback raises is raised here, once nothing is queued any more.
        """
        failure: BaseException | None = None
        while (task := self._next_task()) is not None:
            try:
                task()
            except BaseException as error:
                failure = failure or error
            finally:
                self._put_down()
        if failure is not None:
            raise failure

    def _next_task(self) -> Task | None:
        with self._lock:
            if self._carrier is not None or not self._outbox:
                return None
            self._carrier = self._executor.host.thread_id()
            return self._outbox.popleft()

    def _call(self, function: Callable[..., object] | None, *arguments: object) -> None:
        """Call what a user handed in, if anything: it may wait, and may ask the job for things."""
        if function is not None:
            self._executor.let_go()
            function(*arguments)

    def _put_down(self) -> None:
        self._carrier = None

    def _is_carried_here(self) -> bool:
        return self._carrier == self._executor.host.thread_id()

    def _refuse_to_wait_for_itself(self) -> None:
        if self._is_carried_here():
            raise RuntimeError("a job's own listener or callback cannot wait for the job")


class Alarm:
    """A job's timer, one after the other. All of it under the job's lock.

    `number` tells the ring of a sleep that was cut short from that of its successor.
    """

    __slots__ = ("_timer", "number")

    def __init__(self) -> None:
        self.number = 0
        self._timer: Timer | None = None

    def arm(self, executor: Executor, wake_at_ns: int, ring: Callable[[int], None]) -> None:
        """Have `ring` called with this timer's number when the time has come."""
        self.number += 1
        self._timer = executor.call_at(wake_at_ns, partial(ring, self.number))

    def disarm(self, executor: Executor) -> None:
        """Let the timer ring for nobody."""
        self.number += 1
        if self._timer is not None:
            executor.forget(self._timer)
