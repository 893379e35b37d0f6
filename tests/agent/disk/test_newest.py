from __future__ import annotations

import os
from pathlib import Path

from agent.disk.newest import keep_newest


def test_the_newest_stay_and_the_one_that_was_just_written_whatever_its_time(tmp_path: Path) -> None:
    for age in range(5):
        file = tmp_path / f"{age}.old"
        file.touch()
        os.utime(file, (1000 - age, 1000 - age))
    (tmp_path / "other.new").touch()
    keep_newest(3, ".old", tmp_path / "4.old")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.old", "1.old", "4.old", "other.new"]
    keep_newest(3, ".old", tmp_path / "4.old")
    assert len(list(tmp_path.iterdir())) == 4
