"""Worker processes and Ctrl-C: it is never raised inside of the pool's own calls, and no worker sees it."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from steepest.runs.workers import FEEDER, Workers, uninterrupted


def _prepare(number: int) -> None:
    os.environ["PREPARED"] = str(number)


def _state() -> tuple[str, set[int]]:
    return os.environ["PREPARED"], {int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, ())}


def _divide(a: int, b: int) -> float:
    return a / b


def test_every_answer_comes_once_and_errors_are_raised() -> None:
    with Workers(2, _prepare, 3) as workers:
        for divisor in range(1, 6):
            workers.submit(_divide, 60, divisor)
        answers = []
        while workers:
            answers.append(workers.next_answer())
        assert sorted(answers) == [12.0, 15.0, 20.0, 30.0, 60.0]
        workers.submit(_divide, 1, 0)
        with pytest.raises(ZeroDivisionError):
            workers.next_answer()
        assert not workers


def test_workers_are_prepared_and_never_see_ctrl_c() -> None:
    with Workers(1, _prepare, 7) as workers:
        workers.submit(_state)
        prepared, blocked = workers.next_answer()
    assert prepared == "7"
    assert signal.SIGINT in blocked
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_an_interrupt_waits_for_the_end_of_the_block() -> None:
    finished = []

    def use() -> None:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            finished.append(True)

    with pytest.raises(KeyboardInterrupt):
        use()
    assert finished
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_is_not_forgotten_when_the_block_fails() -> None:
    def use() -> None:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            raise ValueError

    with pytest.raises(KeyboardInterrupt) as caught:
        use()
    assert isinstance(caught.value.__context__, ValueError)


def test_other_threads_are_left_alone() -> None:
    failures: list[BaseException] = []

    def use() -> None:
        try:
            with uninterrupted():  # signal.signal raises outside of the main thread
                pass
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test fails with it
            failures.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert failures == []


def test_ctrl_c_ends_a_wait_and_leaves_no_thread_behind() -> None:
    before = threading.enumerate()
    interrupt = threading.Timer(0.3, signal.raise_signal, (signal.SIGINT,))

    def use() -> None:
        with Workers(2, _prepare, 0) as workers:
            workers.submit(_divide, 1, 1)
            workers.next_answer()
            workers.submit(time.sleep, 600)
            interrupt.start()
            workers.next_answer()

    with pytest.raises(KeyboardInterrupt):
        use()
    interrupt.join()
    assert [thread.name for thread in threading.enumerate() if thread not in before] == []
    assert FEEDER not in {thread.name for thread in threading.enumerate()}
