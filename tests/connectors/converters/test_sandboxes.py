"""Files are converted in processes of their own, several at once, that outlive nobody."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from connectors.converters.child import GIVES_WAY
from connectors.converters.documents import Documents
from connectors.converters.errors import Unreadable
from connectors.converters.made import Limits
from tests.support.office_files import pdf, pdf_page
from tests.support.pdf_bytes import slow_pdf

PDF = pdf([pdf_page(1)])
SLOW = slow_pdf(rows=4_000)


def _until(condition: Callable[[], object], timeout: float = 20) -> None:
    until = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def _children() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children()
        if child.status() != psutil.STATUS_ZOMBIE
        and "connectors.converters.child" in child.cmdline()
    ]


def test_a_slow_file_holds_up_no_other() -> None:
    before = len(_children())
    with Documents(Limits(timeout_s=120)) as converter, ThreadPoolExecutor(1) as thread:
        slow = thread.submit(converter.convert, "slow.pdf", SLOW)
        _until(lambda: len(_children()) == before + 1)
        assert "Limits" in converter.convert("a.pdf", PDF).body
        assert not slow.done()
        assert len(_children()) == before + 2
        assert slow.result(120).body
        for _ in range(3):  # one after the other needs one process
            converter.convert("a.pdf", PDF)
        assert len(_children()) == before + 2
    assert len(_children()) == before


def test_a_converter_gives_way_to_whoever_waits_for_others() -> None:
    with Documents() as converter:
        converter.convert("a.pdf", PDF)
        child = converter._sandboxes._idle[0]._child
        assert child is not None
        assert psutil.Process(child.pid).nice() == min(19, os.nice(0) + GIVES_WAY)
        # Where Linux groups processes by session, a priority counts within the group alone.
        assert os.getsid(child.pid) == os.getsid(0)


def test_a_thread_that_ends_takes_no_converter_along() -> None:
    with Documents() as converter:
        thread = threading.Thread(target=converter.convert, args=("a.pdf", PDF))
        thread.start()
        thread.join()
        child = converter._sandboxes._idle[0]._child
        assert child is not None
        assert psutil.Process(child.pid).is_running()
        converter.convert("a.pdf", PDF)
        assert converter._sandboxes._idle[0]._child is child


def test_closing_ends_what_is_under_way() -> None:
    converter = Documents(Limits(timeout_s=60))
    before = len(_children())
    with ThreadPoolExecutor(1) as thread:
        slow = thread.submit(converter.convert, "slow.pdf", SLOW)
        _until(lambda: len(_children()) == before + 1)
        begun = time.monotonic()
        converter.__exit__()
        with pytest.raises(Unreadable, match="brought its converter down"):
            slow.result(60)
    assert time.monotonic() - begun < 2
    assert len(_children()) == before


def test_a_worker_that_is_killed_takes_its_converter_along_at_once() -> None:
    code = (
        "from connectors.converters.documents import Documents\n"
        "from tests.support.pdf_bytes import slow_pdf\n"
        "Documents().convert('slow.pdf', slow_pdf())\n"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as worker:
        of_worker = psutil.Process(worker.pid)
        _until(of_worker.children)
        (child,) = of_worker.children()
        _until(lambda: child.cpu_times().user > 0.5)  # it is at work, and reads no pipe
        worker.kill()
        worker.wait()
        begun = time.monotonic()
        _until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
        assert time.monotonic() - begun < 1
