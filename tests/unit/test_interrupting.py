"""Calls in C that Ctrl-C ends."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from regtap_analysis.queries.interrupting import run_interruptibly


def test_a_result_and_an_error_come_back() -> None:
    assert run_interruptibly(lambda: 7, lambda: None) == 7
    with pytest.raises(ZeroDivisionError):
        run_interruptibly(lambda: 1 / 0, lambda: None)


def test_ctrl_c_comes_out_after_the_end_of_the_call() -> None:
    asked, ended = threading.Event(), threading.Event()

    def work() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        asked.wait(60)
        ended.set()

    with pytest.raises(KeyboardInterrupt):
        run_interruptibly(work, asked.set)

    assert asked.is_set()
    assert ended.is_set()


def test_a_second_ctrl_c_changes_nothing() -> None:
    interruptions: list[int] = []
    enough, ended = threading.Event(), threading.Event()

    def work() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        enough.wait(60)
        ended.set()

    def interrupt() -> None:
        interruptions.append(len(interruptions))
        if len(interruptions) == 3:
            enough.set()
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run_interruptibly(work, interrupt)

    assert ended.is_set()
