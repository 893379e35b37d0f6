"""Whoever starts a command may be killed: nothing of it stays."""

from __future__ import annotations

import os
import select
import subprocess
import sys

import pytest

from tests.conftest import ROOT, absent

STARTER = """
import subprocess, sys
from tests.beds.mortal import mortal, mortal_with_all
words = {"mortal": mortal, "mortal_with_all": mortal_with_all}[sys.argv[1]](*sys.argv[3:])
subprocess.Popen(words, pass_fds=[int(sys.argv[2])], stdout=sys.stdout)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("mortal", ["sh", "-c", "echo begun; exec sleep 1000"]),
        # Its own child ignores what a terminal or a polite program would end it by.
        ("mortal_with_all", ["sh", "-c", "(trap '' HUP INT TERM; echo begun; sleep 1000) & sleep 1000"]),
    ],
)
def test_what_was_started_ends_with_who_started_it_however_that_one_ends(kind: str, words: list[str]) -> None:
    if kind == "mortal_with_all" and os.geteuid() != 0:
        absent("takes root")
    ours, theirs = os.pipe()
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, kind, str(theirs), *words],
        cwd=ROOT, pass_fds=[theirs], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(theirs)
    assert starter.stdout is not None
    try:
        assert starter.stdout.readline() == "begun\n"
        assert select.select([ours], [], [], 0)[0] == []
        starter.kill()
        # Nobody holds the other end any more.
        assert select.select([ours], [], [], 60)[0] == [ours]
        assert os.read(ours, 1) == b""
    finally:
        starter.kill()
        starter.wait()
        starter.stdout.close()
        os.close(ours)
