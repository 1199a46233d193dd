"""The threads: a pool of workers for I/O and one timer thread with a heap of sleeps.

A job that sleeps or is parked costs no thread. Nothing about a job is decided here: the executor
runs tasks, and calls back when a time has come. All that is taken from the threading library comes
through one `Host`, so that another can be handed in. No lifecycle may enter this file.
"""

from __future__ import annotations

import heapq
import itertools
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

from blockjob_fsm.clock import Clock, RealClock
from blockjob_fsm.errors import IllegalStep

Task = Callable[[], None]


@dataclass(order=True, slots=True)
class Timer:
    """A task at a time, in the order of the times and then of their setting; None: forgotten."""

    wake_at_ns: int
    number: int
    task: Task | None = field(compare=False)


#: Workers of an executor unless told otherwise: enough for slow disks, few enough for the lock.
WORKERS = 8

#: So many timers may be forgotten before it pays to go through them.
_FORGOTTEN_TIMERS = 64


class Condition(Protocol):
    """What is used of a condition variable."""

    def __enter__(self) -> bool: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None: ...
    def wait(self, timeout: float | None = None) -> bool:
        """Release, wait to be notified, take again."""

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait until the predicate holds, `timeout` seconds at most in all; whether it holds."""

    def notify(self, n: int = 1) -> None:
        """Wake one waiter."""

    def notify_all(self) -> None:
        """Wake every waiter."""


class Host(Protocol):
    """Where locks, conditions, threads and the time come from."""

    clock: Clock

    def lock(self) -> AbstractContextManager[bool]:
        """A new lock that one thread may hold."""

    def condition(self) -> Condition:
        """A new condition variable with its own lock."""

    def start(self, target: Task, name: str) -> Callable[[], None]:
        """Start a thread; the answer joins it."""

    def thread_id(self) -> int:
        """What tells the calling thread from all others."""


class ThreadHost:
    """The threads of this process."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock: Clock = clock or RealClock()

    def lock(self) -> AbstractContextManager[bool]:
        return threading.Lock()

    def condition(self) -> Condition:
        return threading.Condition(threading.Lock())

    def start(self, target: Task, name: str) -> Callable[[], None]:
        # Daemons, so that a program that forgets `close` can still end.
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        return thread.join

    def thread_id(self) -> int:
        return threading.get_ident()


class Executor:
    """Runs tasks on at most `workers` threads, and timers on one more; both start on first use.

    A task that waits for other tasks (`waiting`) lends its place: one thread more may start for it.
    With `workers` 0 nothing runs by itself: `run_pending` runs what is due, on its caller's thread.
    Leaving the context, or `close`, ends every thread; jobs must have ended before.
    """

    def __init__(self, workers: int = WORKERS, host: Host | None = None) -> None:
        assert workers >= 0, "a pool has no negative size"
        self.host: Host = host or ThreadHost()
        self.workers = workers
        self._tasks: deque[Task] = deque()
        self._work = self.host.condition()
        self._idle = 0
        self._waiting = 0
        self._joins: list[Callable[[], None]] = []
        self._timers: list[Timer] = []
        self._forgotten = 0
        self._tick = self.host.condition()
        self._order = itertools.count()
        self._has_timer_thread = False
        self._ticks = True
        self._closed = False
        self._mine = threading.local()
        self.host.clock.on_change(self._clock_moved)

    # Any thread.

    def now_ns(self) -> int:
        """The time on the executor's clock."""
        return self.host.clock.now_ns()

    def submit(self, task: Task, *, elsewhere: bool = False) -> None:
        """Have a task run by a worker, soon; `elsewhere`: beside this one. Returns at once."""
        if not elsewhere and getattr(self._mine, "may_keep", False) and not self._tasks:
            # A worker that has nothing else to do goes on with what it made itself.
            self._mine.may_keep = False
            self._mine.kept = task
            return
        with self._work:
            # A worker runs what its last task left, even while the pool is being closed.
            assert not self._closed or self._is_worker(), "the executor is closed"
            self._tasks.append(task)
            self._find_worker()

    def let_go(self) -> None:
        """Before a task runs code that may wait: what its worker kept goes to other workers."""
        kept: Task | None = getattr(self._mine, "kept", None)
        self._mine.kept, self._mine.may_keep = None, False
        if kept is not None:
            self.submit(kept)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around a wait for other tasks: on a worker's thread another worker takes its place."""
        if not self._is_worker():
            yield
            return
        self.let_go()
        with self._work:
            self._waiting += 1
            if self._tasks:
                self._find_worker()
        try:
            yield
        finally:
            with self._work:
                self._waiting -= 1

    def call_at(self, wake_at_ns: int, task: Task) -> Timer | None:
        """Have a task run by a worker when the clock has reached a moment; returns at once.

        The answer can be forgotten; None if the moment has come already.
        """
        if wake_at_ns <= self.now_ns():
            self.submit(task)
            return None
        timer = Timer(wake_at_ns, next(self._order), task)
        with self._tick:
            assert self._ticks, "the executor is closed"
            first = not self._timers or timer < self._timers[0]
            heapq.heappush(self._timers, timer)
            if self.workers and not self._has_timer_thread:
                self._has_timer_thread = True
                self._timer_join = self.host.start(self._timer, "blockjob-timer")
            elif first:
                self._tick.notify()
        return timer

    def forget(self, timer: Timer) -> None:
        """Let go of a timer's task, and of the timers once most are forgotten; never too late."""
        with self._tick:
            self._forgotten += timer.task is not None
            timer.task = None
            if self._forgotten > _FORGOTTEN_TIMERS and 2 * self._forgotten > len(self._timers):
                self._timers = [timer for timer in self._timers if timer.task is not None]
                heapq.heapify(self._timers)
                self._forgotten = 0

    def run_pending(self, at_most: int | None = None) -> int:
        """Run what is due on this thread, and what comes of it; the number of tasks run."""
        ran = 0
        while ran != at_most:
            with self._tick:
                due = self._take_due()
            with self._work:
                self._tasks.extend(due)
                task = self._tasks.popleft() if self._tasks else None
            if task is None:
                break
            task()
            ran += 1
        return ran

    def pump(self, until_ns: int | None = None) -> bool:
        """Run what is due on this thread, or wait for the next timer, till `until_ns` at most.

        False if there was nothing to run and there is nothing to wait for.
        """
        if self.run_pending():
            return True
        with self._tick:
            wakes = [self._timers[0].wake_at_ns] if self._timers else []
            wakes += [] if until_ns is None else [until_ns]
            patience_s = self.host.clock.timeout_s(min(wakes)) if wakes else None
            if patience_s is None:
                return False
            self._tick.wait(patience_s)
        return True

    def pump_until(self, done: Callable[[], bool], timeout_s: float | None = None) -> bool:
        """Without workers: do the work on this thread until `done`; False if time is up first.

        Raises IllegalStep where nothing that is pending can end the wait.
        """
        until_ns = None if timeout_s is None else self.now_ns() + int(timeout_s * 1e9)
        while not done():
            if until_ns is not None and self.now_ns() >= until_ns:
                return False
            if not self.pump(until_ns):
                if until_ns is not None:
                    return False
                raise IllegalStep("nothing that is pending can end this wait")
        return True

    def next_wake_ns(self) -> int | None:
        """When the earliest timer is due, for whoever moves a clock by hand."""
        with self._tick:
            return min((t.wake_at_ns for t in self._timers if t.task), default=None)

    def close(self) -> None:
        """End the threads once they have run what was submitted, and what came of it.

        Timers that are not due yet are dropped.
        """
        with self._tick:
            self._ticks = False
            self._timers.clear()
            self._tick.notify_all()
        if self._has_timer_thread:
            self._timer_join()
            self._has_timer_thread = False
        # Only now: what the timer thread had in its hands is still accepted.
        with self._work:
            self._closed = True
            self._idle = 0
            self._work.notify_all()
        for join in self._joins:
            join()
        self._joins.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.close()

    # The workers' threads.

    def _is_worker(self) -> bool:
        return getattr(self._mine, "is_worker", False)

    def _find_worker(self) -> None:
        """Under the lock: wake an idle worker for one task, or start one if there may be more."""
        if self._idle:
            # Counted here, so that the next task does not count on the same worker.
            self._idle -= 1
            self._work.notify()
        elif len(self._joins) < self.workers + self._waiting:
            name = f"blockjob-worker-{len(self._joins)}"
            self._joins.append(self.host.start(self._worker, name))

    def _worker(self) -> None:
        self._mine.is_worker = True
        while (task := self._next_task()) is not None:
            while task is not None:
                task = self._run(task)

    def _next_task(self) -> Task | None:
        with self._work:
            while not self._tasks:
                if self._closed:
                    return None
                self._idle += 1
                self._work.wait()
            return self._tasks.popleft()

    def _run(self, task: Task) -> Task | None:
        """Run a task; the answer is the one it left for this same worker, if any."""
        self._mine.kept, self._mine.may_keep = None, True
        try:
            task()
        except BaseException:
            # A listener's or a callback's mistake, or its sys.exit, must not cost a thread.
            threading.excepthook(
                threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread()))
            )
        self._mine.may_keep = False
        kept: Task | None = self._mine.kept
        return kept

    # The timer's thread.

    def _timer(self) -> None:
        while True:
            with self._tick:
                due = self._take_due()
                while not due:
                    if not self._ticks:
                        return
                    self._tick.wait(self._patience())
                    due = self._take_due()
            for task in due:
                self.submit(task)

    def _patience(self) -> float | None:
        return self.host.clock.timeout_s(self._timers[0].wake_at_ns) if self._timers else None

    def _take_due(self) -> list[Task]:
        due = []
        now_ns = self.now_ns()
        while self._timers and self._timers[0].wake_at_ns <= now_ns:
            timer = heapq.heappop(self._timers)
            if timer.task is None:
                self._forgotten -= 1
            else:
                due.append(timer.task)
                # Forgetting it from here on changes nothing.
                timer.task = None
        return due

    def _clock_moved(self) -> None:
        with self._tick:
            self._tick.notify()
