"""A database file is made, brought up to date, or refused."""

from __future__ import annotations

import sqlite3
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cloud_bridge.store.port.errors import StoreError
from cloud_bridge.store.sqlite.database import SCHEMA, Database, schema_changes


def test_a_new_file_has_every_schema_change_in_order(tmp_path: Path) -> None:
    database = Database(tmp_path / "new.db")
    with database.read() as connection:
        applied = connection.execute("SELECT number, name FROM schema_change ORDER BY number").fetchall()
    database.close()
    assert applied == [(number, file.stem) for number, file in schema_changes().items()]
    assert len(applied) == len(list(SCHEMA.glob("*.sql")))  # No number is two files'.


def test_what_is_committed_is_durable_and_readers_do_not_wait(tmp_path: Path) -> None:
    database = Database(tmp_path / "new.db")
    with database.read() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    with database.write() as writer:
        writer.execute("INSERT INTO fleet VALUES ('f', '', '', 0, 0)")
        with database.read() as reader:
            assert reader.execute("SELECT count(*) FROM fleet").fetchone() == (0,)
    with database.read() as reader:
        assert reader.execute("SELECT count(*) FROM fleet").fetchone() == (1,)
    database.close()


def test_what_a_thread_reads_in_a_snapshot_is_of_one_moment(tmp_path: Path) -> None:
    database = Database(tmp_path / "new.db")

    def fleets() -> int:
        with database.read() as connection:
            (number,) = connection.execute("SELECT count(*) FROM fleet").fetchone()
            return int(number)

    def add(fleet: str) -> None:
        with database.write() as writer:
            writer.execute("INSERT INTO fleet VALUES (?, '', '', 0, 0)", (fleet,))

    with ThreadPoolExecutor(1) as other:
        with database.snapshot():
            assert fleets() == 0
            add("one")
            assert fleets() == 0
            assert other.submit(fleets).result() == 1
            with database.outside():
                assert fleets() == 1
                add("two")
            assert fleets() == 2
            add("three")
            assert fleets() == 2
        assert fleets() == 3
        with pytest.raises(StoreError, match="no such table"), database.snapshot(), database.read() as connection:
            connection.execute("SELECT * FROM lost")
        assert fleets() == 3
    database.close()


def test_nobody_but_its_owner_reads_a_new_file_nor_its_log(tmp_path: Path) -> None:
    database = Database(tmp_path / "new.db")
    with database.write() as writer:
        writer.execute("INSERT INTO fleet VALUES ('f', '', '', 0, 0)")
    assert rights(tmp_path) == {"new.db": 0o600, "new.db-wal": 0o600, "new.db-shm": 0o600}
    database.close()


def test_a_file_that_everybody_could_read_is_shut_to_others_while_it_is_in_use(tmp_path: Path) -> None:
    """As one of before was made; what its owner gave the group stays."""
    database = Database(tmp_path / "old.db")
    for file in tmp_path.iterdir():
        file.chmod(0o664)
    again = Database(tmp_path / "old.db")
    assert set(rights(tmp_path).values()) == {0o660}
    for each in (database, again):
        with each.write() as writer:
            writer.execute("INSERT INTO fleet VALUES (?, '', '', 0, 0)", (str(id(each)),))
        each.close()


def rights(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


def test_a_transaction_that_raises_leaves_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "new.db")

    def interrupted() -> None:
        with database.write() as writer:
            writer.execute("INSERT INTO fleet VALUES ('f', '', '', 0, 0)")
            raise KeyError

    with pytest.raises(KeyError):
        interrupted()
    with database.read() as reader:
        assert reader.execute("SELECT count(*) FROM fleet").fetchone() == (0,)
    database.close()


def test_a_file_that_cannot_be_read_any_more_is_named(tmp_path: Path) -> None:
    database = Database(tmp_path / "gone.db")
    for file in tmp_path.iterdir():
        file.unlink()
    tmp_path.rmdir()
    with pytest.raises(StoreError, match=r"gone\.db: unable to open"), database.read():
        pass
    database.close()


def test_a_read_that_fails_is_the_store_s_error(tmp_path: Path) -> None:
    database = Database(tmp_path / "new.db")
    with pytest.raises(StoreError, match=r"new\.db: no such table"), database.read() as connection:
        connection.execute("SELECT * FROM lost")
    with database.read() as connection:
        assert connection.execute("SELECT count(*) FROM fleet").fetchone() == (0,)
    database.close()


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    Database(tmp_path / "old.db").close()
    with sqlite3.connect(tmp_path / "old.db") as before:
        schema = before.execute("SELECT sql FROM sqlite_schema ORDER BY name").fetchall()
        before.execute("INSERT INTO fleet VALUES ('f', '', '', 0, 0)")
    before.close()
    database = Database(tmp_path / "old.db")
    with database.read() as connection:
        assert connection.execute("SELECT sql FROM sqlite_schema ORDER BY name").fetchall() == schema
        assert connection.execute("SELECT id FROM fleet").fetchall() == [("f",)]
    database.close()


def test_a_database_of_a_newer_program_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "newer.db"
    Database(path).close()
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO schema_change (number, name) VALUES (9999, '9999_later')")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match=r"newer\.db: its schema is number 9999 .* Upgrade canlift"):
        Database(path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.db"
    path.write_text("this is a text, and quite long enough to be taken for a header of a file " * 20)
    with pytest.raises(StoreError, match=r"text\.db: .*not a database"):
        Database(path)


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nowhere does not exist"):
        Database(tmp_path / "nowhere" / "x.db")


def test_several_programs_may_make_one_file_at_once(tmp_path: Path) -> None:
    failures: list[Exception] = []

    def open_it() -> None:
        try:
            Database(tmp_path / "shared.db").close()
        except StoreError as error:
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_what_was_derived_before_there_was_retention_is_of_the_time_its_uploads_came(tmp_path: Path) -> None:
    file = tmp_path / "old.db"
    with sqlite3.connect(file, isolation_level=None) as before:
        before.execute("CREATE TABLE schema_change (number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT)")
        for number, change in schema_changes().items():
            if change.stem != "0010_retention":
                before.executescript(change.read_text(encoding="utf-8"))
                before.execute("INSERT INTO schema_change (number, name) VALUES (?, ?)", (number, change.stem))
        before.execute("""
            INSERT INTO upload (vin, boot, sequence, received_at_ms, manifest, payload)
            VALUES ('V', x'01', 7, 99, x'', x'')
        """)
        for sequence in (7, 8):
            before.execute(
                """
                INSERT INTO chunk (vin, boot, sequence, from_ms, to_ms, asleep, messages, positions, kinds, body)
                VALUES ('V', x'01', ?, 0, 1, 0, 0, 0, x'', x'')
                """,
                (sequence,),
            )
    before.close()
    database = Database(file)
    with database.read() as connection:
        rows = connection.execute("SELECT sequence, received_at_ms FROM chunk ORDER BY sequence").fetchall()
    database.close()
    assert rows == [(7, 99), (8, 0)]
