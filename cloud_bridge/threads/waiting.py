"""What may take long says so before it begins, and is then left to a thread that may wait.

In the event loop a request that waits holds up all others. So what is short is tried there (`at_once`), and what turns
out not to be (a secret that is not known yet, a vehicle that has to be derived) is refused with `WaitError` where the
waiting would begin, to be asked again in a worker thread. Handing a short answer to another thread costs more than the
answer itself: the two get in each other's way for the interpreter's lock.
"""

from __future__ import annotations

import threading


class WaitError(Exception):
    """This takes long, and the thread is one that may not wait."""


class _Thread(threading.local):
    may_wait = True


_thread = _Thread()


class _AtOnce:
    def __enter__(self) -> None:
        _thread.may_wait = False

    def __exit__(self, *_: object) -> None:
        _thread.may_wait = True


at_once = _AtOnce()
"""A block in which this thread may not wait."""


def before_waiting() -> None:
    """To be called where waiting begins. Raises WaitError where that must not be."""
    if not _thread.may_wait:
        raise WaitError
