"""The pool and its timers, without any job."""

import threading
from functools import partial

import pytest

from blockjob_fsm.clock import ManualClock, RealClock
from blockjob_fsm.executor import Executor, ThreadHost
from tests.live.world import SLICE_NS, Bench, live_threads

PATIENCE_S = 20.0


@pytest.fixture
def complaints(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What threads could not handle, kept from pytest's own hook."""
    heard: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: heard.append(args.exc_value))
    return heard


def test_no_thread_starts_before_there_is_work() -> None:
    with Executor(workers=4):
        assert live_threads() == []


def test_a_pool_never_has_more_threads_than_it_may() -> None:
    gate, started = threading.Event(), threading.Semaphore(0)

    def work() -> None:
        started.release()
        assert gate.wait(PATIENCE_S)

    with Executor(workers=3) as executor:
        for _ in range(50):
            executor.submit(work)
        all_started = all(started.acquire(timeout=PATIENCE_S) for _ in range(3))
        threads = len(live_threads())
        gate.set()
    assert (all_started, threads) == (True, 3)


def test_closing_runs_what_was_submitted() -> None:
    done: list[int] = []
    with Executor(workers=1) as executor:
        for number in range(100):
            executor.submit(partial(done.append, number))
    assert done == list(range(100))


def test_closing_drops_timers_that_are_not_due() -> None:
    done: list[int] = []
    with Executor(workers=1) as executor:
        executor.call_at(executor.now_ns() + 3600 * 10**9, lambda: done.append(1))
    assert (done, live_threads()) == ([], [])


@pytest.mark.parametrize("mistake", [ValueError("wrong"), SystemExit(3)])
def test_a_task_that_raises_does_not_cost_the_pool_a_thread(
    mistake: BaseException, complaints: list[object]
) -> None:
    def fail() -> None:
        raise mistake

    after = threading.Event()
    with Executor(workers=1) as executor:
        executor.submit(fail)
        executor.submit(after.set)
        assert after.wait(PATIENCE_S)
    assert complaints == [mistake]


def test_timers_run_in_the_order_of_their_times(bench: Bench) -> None:
    done: list[int] = []
    start = bench.clock.now_ns()
    for delay in (3, 1, 2):
        bench.executor.call_at(start + delay, partial(done.append, delay))
    bench.clock.advance(3)
    bench.settle()
    assert done == [1, 2, 3]


def test_timers_of_one_time_run_in_the_order_they_were_set(bench: Bench) -> None:
    done: list[int] = []
    for number in range(20):
        bench.executor.call_at(100, partial(done.append, number))
    bench.clock.advance(100)
    bench.settle()
    assert done == list(range(20))


def test_a_timer_does_not_run_before_its_time(bench: Bench) -> None:
    done: list[int] = []
    bench.executor.call_at(bench.clock.now_ns() + 2, lambda: done.append(1))
    bench.clock.advance(1)
    bench.settle()
    assert done == []


def test_moving_a_manual_clock_wakes_the_timer_thread() -> None:
    clock, rung = ManualClock(), threading.Event()
    with Executor(workers=1, host=ThreadHost(clock)) as executor:
        executor.call_at(clock.now_ns() + SLICE_NS, rung.set)
        clock.advance(SLICE_NS)
        assert rung.wait(PATIENCE_S)


def test_an_earlier_timer_overtakes_one_that_is_waited_for() -> None:
    with Executor(workers=1) as executor:
        executor.call_at(executor.now_ns() + 3600 * 10**9, lambda: None)
        # Again and again: now and then the timer's thread is not yet back from the last one.
        for _ in range(20):
            rung = threading.Event()
            executor.call_at(executor.now_ns() + 10**6, rung.set)
            assert rung.wait(PATIENCE_S)


def test_a_timer_of_the_far_future_does_not_stop_the_others() -> None:
    rung = threading.Event()
    with Executor(workers=1) as executor:
        executor.call_at(10**30, lambda: None)
        executor.call_at(executor.now_ns() + 10**6, rung.set)
        assert rung.wait(PATIENCE_S)


def test_no_wait_is_longer_than_a_platform_can_count() -> None:
    timeout_s = RealClock().timeout_s(10**30)
    assert timeout_s is not None
    assert timeout_s < threading.TIMEOUT_MAX


def test_a_task_may_wait_for_a_task_on_a_pool_of_one() -> None:
    rung = threading.Event()
    waited: list[bool] = []
    with Executor(workers=1) as executor:

        def outer() -> None:
            executor.submit(rung.set)
            with executor.waiting():
                waited.append(rung.wait(PATIENCE_S))

        executor.submit(outer)
    assert waited == [True]


def test_the_pool_of_zero_runs_only_what_its_caller_runs(bench: Bench) -> None:
    threads: list[int] = []
    bench.executor.submit(lambda: threads.append(threading.get_ident()))
    assert threads == []
    assert bench.executor.run_pending() == 1
    assert threads == [threading.get_ident()]


def test_pumping_waits_for_a_timer_of_the_real_clock() -> None:
    executor = Executor(workers=0)
    done: list[int] = []
    executor.call_at(executor.now_ns() + 10**6, lambda: done.append(1))
    while executor.pump() and not done:
        pass
    assert done == [1]


def test_pumping_says_when_there_is_nothing_to_wait_for(bench: Bench) -> None:
    bench.executor.call_at(bench.clock.now_ns() + 1, lambda: None)
    assert not bench.executor.pump(), "only the test moves this clock"
