from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from agent.disk.checked import MAXIMUM_BYTES, DamagedError, load_checked, load_struct, save_checked

TITLE = "canlift thing 1"


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    file = tmp_path / "below" / "thing"
    assert load_checked(file, TITLE) is None
    for content in (b"", b"one\ntwo\n", bytes(range(256))):
        save_checked(file, TITLE, content)
        assert load_checked(file, TITLE) == content


def test_every_cut_and_every_flipped_bit_is_found(tmp_path: Path) -> None:
    file = tmp_path / "thing"
    save_checked(file, TITLE, b"content")
    whole = file.read_bytes()
    damaged = [whole[:size] for size in range(len(whole))]
    for bit in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        damaged.append(bytes(flipped))
    for each in damaged:
        file.write_bytes(each)
        with pytest.raises(DamagedError):
            load_checked(file, TITLE)


def test_another_file_in_its_place_takes_no_memory_and_is_found(tmp_path: Path) -> None:
    file = tmp_path / "thing"
    save_checked(file, TITLE, bytes(MAXIMUM_BYTES))
    with pytest.raises(DamagedError):
        load_checked(file, TITLE)
    save_checked(file, "another title", b"content")
    with pytest.raises(DamagedError):
        load_checked(file, TITLE)
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(DamagedError):
        load_checked(folder, TITLE)


class Thing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    size: int = 0


def test_a_struct_is_loaded_as_it_was_and_what_is_another_one_is_damaged(tmp_path: Path) -> None:
    file = tmp_path / "thing"
    assert load_struct(file, TITLE, Thing) is None
    save_checked(file, TITLE, msgspec.json.encode(Thing(7)))
    assert load_struct(file, TITLE, Thing) == Thing(7)
    for content in (b"", b"{", b"[]", b'{"size": "7"}', b'{"colour": 7}'):
        save_checked(file, TITLE, content)
        with pytest.raises(DamagedError, match="thing: "):
            load_struct(file, TITLE, Thing)
