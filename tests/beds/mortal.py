"""Commands that end when the process that started them does, however that one ends.

A run of the tests that is killed leaves nothing behind: no guest that takes the processor from the next run, no broker,
no network. The kernel sees to it, and so nobody has to be found and ended later.
"""

from __future__ import annotations

import os

from tests.conftest import needed


def mortal(*words: str) -> list[str]:
    """The command ends with the thread that starts it. (Where it becomes another user, the kernel forgets that.)"""
    return [needed("setpriv", "util-linux"), "--pdeathsig", "KILL", "--", *words]


def mortal_with_all(*words: str) -> list[str]:
    """All processes that it starts end with it too. Takes root; for others it is as `mortal`."""
    if os.geteuid() != 0:
        return mortal(*words)
    return mortal(needed("unshare", "util-linux"), "--pid", "--fork", "--kill-child", "--", *words)
