"""No number is given twice: not after a restart, not after a reboot."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.journal.numbering import Numbering, boot_of_a_recording, boot_of_this_start


def test_numbers_count_from_zero() -> None:
    numbering = Numbering(bytes(16))
    assert [numbering.next() for _ in range(3)] == [0, 1, 2]


def test_starts_of_one_kernel_boot_share_its_clock_and_not_their_numbering(tmp_path: Path) -> None:
    kernel = tmp_path / "boot_id"
    kernel.write_text("4f6e2a6e-0000-4000-8000-000000000001\n")
    first, second = boot_of_this_start(kernel), boot_of_this_start(kernel)
    assert first[:8] == second[:8]
    assert first[8:] != second[8:]
    kernel.write_text("4f6e2a6e-0000-4000-8000-000000000002\n")
    assert boot_of_this_start(kernel)[:8] != first[:8]


def test_where_the_kernel_names_no_boot_every_start_is_one(tmp_path: Path) -> None:
    assert boot_of_this_start(tmp_path / "absent")[:8] != boot_of_this_start(tmp_path / "absent")[:8]


def test_replays_share_nothing() -> None:
    assert boot_of_a_recording()[:8] != boot_of_a_recording()[:8]


def test_a_boot_has_16_bytes() -> None:
    with pytest.raises(ValueError, match="a boot has 16 bytes, got 15"):
        Numbering(bytes(15))
