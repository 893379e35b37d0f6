"""What may take long says so before it begins, and is then left to a thread that may wait.

In the event loop a request that waits holds up all others. So what is short is tried there (`at_once`), and what turns
out not to be (a secret that is not known yet, a vehicle that has to be derived) is refused with `WaitError` where the
waiting would begin, to be asked again in a worker thread. Handing a short answer to another thread costs more than the
answer itself: the two get in each other's way for the interpreter's lock.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class WaitError(Exception):
    """This takes long, and the thread is one that may not wait."""


class _Thread(threading.local):
    may_wait = True


_thread = _Thread()


@contextmanager
def at_once() -> Iterator[None]:
    """This thread may not wait in the block."""
    _thread.may_wait = False
    try:
        yield
    finally:
        _thread.may_wait = True


def before_waiting() -> None:
    """To be called where waiting begins. Raises WaitError where that must not be."""
    if not _thread.may_wait:
        raise WaitError
