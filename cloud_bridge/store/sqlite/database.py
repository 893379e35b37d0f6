"""A SQLite file: one connection that writes, a pool that reads, and the schema's history.

In WAL mode with `synchronous=FULL` what `write` committed survives a power cut, and readers never wait for
the writer. Every write is one `BEGIN IMMEDIATE` transaction under a lock, every read one snapshot. The schema is made
by the numbered files in `sql/sqlite`, each applied once, in order and in a transaction of its own, and recorded in
`schema_change`. A file written by a newer program is refused: it may hold what this one would not keep true.
"""

from __future__ import annotations

import sqlite3
import threading
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import TracebackType

import msgspec
from tenacity import retry, retry_if_exception, stop_after_delay, wait_random_exponential

from cloud_bridge.store.port.damage import DamagedError
from cloud_bridge.store.port.errors import StoreError
from cloud_bridge.store.sqlite.secrecy import keep_private

SCHEMA = Path(__file__).parent.parent / "sql" / "sqlite"
BUSY_TIMEOUT_S = 30.0
UNREADABLE = (msgspec.MsgspecError, zlib.error)
"""What reading stored bytes raises that are not as they were written."""
_READERS_KEPT = 8

_CREATE_HISTORY = """
CREATE TABLE IF NOT EXISTS schema_change (
    number     INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    applied_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
) STRICT
"""


class Database:
    """An open database, migrated to this program's schema. Safe to use from several threads and processes at once."""

    def __init__(self, path: Path, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        """`busy_timeout_s`: how long to wait for other processes."""
        self.path = path
        self._busy_timeout_s = busy_timeout_s
        self._write_lock = threading.Lock()
        self._pool_lock = threading.Lock()
        self._pool: list[sqlite3.Connection] = []
        self._mine = threading.local()
        """`reading`: what this thread has open in `snapshot`."""
        self._closed = False
        if not path.parent.is_dir():
            raise StoreError(
                f"{path}: the folder {path.parent} does not exist; make it, or name another [database] path"
            )
        keep_private(path)
        try:
            self._writer = self._connect()
            _log_ahead(self._writer)
        except sqlite3.Error as error:
            raise StoreError(f"{path}: cannot be opened as a SQLite database: {error}") from error
        try:
            self._migrate()
        except sqlite3.Error as error:
            self._writer.close()
            raise StoreError(f"{path}: the schema cannot be brought up to date: {error}") from error
        except StoreError:
            self._writer.close()
            raise

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path,
            timeout=self._busy_timeout_s,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA cache_size = -32000")
            # Checkpoints move whole pages from the log into the file: fewer and larger ones write each page less often.
            connection.execute("PRAGMA wal_autocheckpoint = 4000")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    @contextmanager
    def write(self, *, overwrite: bool = False) -> Iterator[sqlite3.Connection]:
        """One transaction: committed when the block ends, undone when it raises. `overwrite`: what it deletes is
        overwritten. Raises StoreError when the database is locked for too long, or its disk is full or failing."""
        with self._write_lock:
            try:
                if overwrite:
                    self._writer.execute("PRAGMA secure_delete = ON")
                self._writer.execute("BEGIN IMMEDIATE")
                try:
                    yield self._writer
                    self._writer.execute("COMMIT")
                finally:
                    if self._writer.in_transaction:
                        self._writer.execute("ROLLBACK")
                    if overwrite:
                        self._writer.execute("PRAGMA secure_delete = OFF")
            except sqlite3.OperationalError as error:
                raise StoreError(f"{self.path}: {error}") from error

    def rewrite(self) -> None:
        """Writes the file anew, without free pages, and empties the log. Takes as long as copying the file, and as much
        room beside it. Raises StoreError where it cannot, or readers hold the log for too long."""
        with self._write_lock:
            try:
                self._writer.execute("VACUUM")
                busy, _, _ = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.OperationalError as error:
                raise StoreError(f"{self.path}: {error}") from error
        if busy:
            raise StoreError(f"{self.path}: its log is being read all the time")

    def read(self) -> AbstractContextManager[sqlite3.Connection]:
        """One snapshot: what is committed when the block first looks, unchanged until it ends; within `snapshot`, that
        one. Raises StoreError when the file cannot be opened or read."""
        mine: AbstractContextManager[sqlite3.Connection] | None = getattr(self._mine, "reading", None)
        return _Reading(self) if mine is None else mine

    def snapshot(self) -> AbstractContextManager[None]:
        """All that this thread reads in the block is of one moment. It also costs one look at the file and not many."""
        return _Snapshot(self, self._mine)

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Leaves this thread's snapshot, if it has one, for the block; what is read after it is of a later moment."""
        mine: nullcontext[sqlite3.Connection] | None = getattr(self._mine, "reading", None)
        if mine is None:
            yield
            return
        connection = mine.enter_result
        connection.execute("ROLLBACK")
        self._mine.reading = None
        try:
            yield
        finally:
            connection.execute("BEGIN")
            self._mine.reading = mine

    def take(self) -> sqlite3.Connection:
        """A connection to read with, for this thread alone until it is put back."""
        with self._pool_lock:
            if self._pool:
                return self._pool.pop()
        connection = self._connect()
        connection.execute("PRAGMA query_only = ON")
        return connection

    def put_back(self, connection: sqlite3.Connection) -> None:
        with self._pool_lock:
            keep = not self._closed and len(self._pool) < _READERS_KEPT
            if keep:
                self._pool.append(connection)
        if not keep:
            connection.close()

    def close(self) -> None:
        with self._pool_lock:
            self._closed = True
            idle, self._pool = self._pool, []
        for connection in idle:
            connection.close()
        with self._write_lock:
            self._writer.close()

    def _migrate(self) -> None:
        changes = schema_changes()
        with self.write() as connection:
            connection.execute(_CREATE_HISTORY)
            applied = {number for (number,) in connection.execute("SELECT number FROM schema_change")}
            newest, known = max(applied, default=0), max(changes)
            if newest > known:
                raise StoreError(
                    f"{self.path}: its schema is number {newest} and this program knows up to {known}: it is of a newer"
                    " canlift. Upgrade canlift, or name another [database] path."
                )
        for number, file in changes.items():
            if number not in applied:
                self._apply(number, file)

    def _apply(self, number: int, file: Path) -> None:
        with self.write() as connection:
            # Another process may have applied it since we looked.
            if connection.execute("SELECT 1 FROM schema_change WHERE number = ?", (number,)).fetchone():
                return
            for statement in _statements(file.read_text(encoding="utf-8")):
                connection.execute(statement)
            connection.execute("INSERT INTO schema_change (number, name) VALUES (?, ?)", (number, file.stem))


class _Reading:
    """A block in which one connection reads one snapshot. No generator: a short answer would cost a tenth more."""

    __slots__ = ("_connection", "_database")

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> sqlite3.Connection:
        try:
            self._connection = self._database.take()
        except sqlite3.OperationalError as error:
            raise StoreError(f"{self._database.path}: {error}") from error
        self._connection.execute("BEGIN")  # Which looks at nothing yet, and so cannot fail.
        return self._connection

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        connection = self._connection
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        finally:
            # Who keeps such an error keeps what was being read, and with it this moment: the connection is of no use.
            if isinstance(error, (*UNREADABLE, DamagedError)):
                connection.close()
            else:
                self._database.put_back(connection)
        if isinstance(error, sqlite3.OperationalError):
            raise StoreError(f"{self._database.path}: {error}") from error


class _Snapshot:
    """A block in which all that its thread reads is of one moment."""

    __slots__ = ("_mine", "_reading")

    def __init__(self, database: Database, mine: threading.local) -> None:
        self._reading = _Reading(database)
        self._mine = mine

    def __enter__(self) -> None:
        self._mine.reading = nullcontext(self._reading.__enter__())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._mine.reading = None
        self._reading.__exit__(kind, error, trace)


def _is_busy(error: BaseException) -> bool:
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


@retry(
    retry=retry_if_exception(_is_busy),
    wait=wait_random_exponential(multiplier=0.01, max=0.5),
    stop=stop_after_delay(BUSY_TIMEOUT_S),
    reraise=True,
)
def _log_ahead(connection: sqlite3.Connection) -> None:
    """WAL mode, which the file remembers. SQLite does not wait when several programs switch a new file at once."""
    connection.execute("PRAGMA journal_mode = WAL")


def schema_changes() -> dict[int, Path]:
    """The schema files by number, in order."""
    return {int(file.name.partition("_")[0]): file for file in sorted(SCHEMA.glob("[0-9]*_*.sql"))}


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement
