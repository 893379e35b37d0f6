"""Erasing a vehicle from the file, on SQLite.

Deleting rows leaves their bytes in the file, in pages that are free or were written again, and in the log before it. So
the rows are deleted and overwritten, the file is written anew without its free pages, and the log is emptied. What the
disk keeps of blocks that the file does not have any more is the disk's.
"""

from __future__ import annotations

from cloud_bridge.store.port.errors import RegistryError, StoreError
from cloud_bridge.store.sqlite.database import Database

# Every table that says of which vehicle its rows are; the one that others refer to last.
DELETE = {
    "anchor": "DELETE FROM anchor WHERE vin = ?",
    # That they hold no more has to be known for as long as they would.
    "certificate": "UPDATE certificate SET vin = NULL, der = x'', revoked_at_ms = coalesce(revoked_at_ms, issued_at_ms)"
    " WHERE vin = ?",
    "chunk": "DELETE FROM chunk WHERE vin = ?",
    "derived": "DELETE FROM derived WHERE vin = ?",
    "evicted": "DELETE FROM evicted WHERE vin = ?",
    "fleet_vehicle": "DELETE FROM fleet_vehicle WHERE vin = ?",
    "held": "DELETE FROM held WHERE vin = ?",
    "implausible": "DELETE FROM implausible WHERE vin = ?",
    "intake": "DELETE FROM intake WHERE vin = ?",
    "kept_anchor": "DELETE FROM kept_anchor WHERE vin = ?",
    "ledger": "DELETE FROM ledger WHERE vin = ?",
    "manifest": "DELETE FROM manifest WHERE vin = ?",
    "monitor_state": "DELETE FROM monitor_state WHERE vin = ?",
    "monitored": "DELETE FROM monitored WHERE vin = ?",
    "checkpoint": "DELETE FROM checkpoint WHERE vin = ?",
    "notification": "DELETE FROM notification WHERE vin = ?",
    "pending": "DELETE FROM pending WHERE vin = ?",
    "quarantine": "DELETE FROM quarantine WHERE vin = ?",
    "record": "DELETE FROM record WHERE vin = ?",
    "refusal": "DELETE FROM refusal WHERE vin = ?",
    "remote_action": "DELETE FROM remote_action WHERE vin = ?",
    "remote_contact": "DELETE FROM remote_contact WHERE vin = ?",
    "remote_wake_up": "DELETE FROM remote_wake_up WHERE vin = ?",
    "set_aside": "DELETE FROM set_aside WHERE vin = ?",
    "status": "DELETE FROM status WHERE vin = ?",
    "theft": "DELETE FROM theft WHERE vin = ?",
    "unreadable": "DELETE FROM unreadable WHERE vin = ?",
    "upload": "DELETE FROM upload WHERE vin = ?",
    "wanted": "DELETE FROM wanted WHERE vin = ?",
    "watch_list": "DELETE FROM watch_list WHERE vin = ?",
    "vehicle": "DELETE FROM vehicle WHERE vin = ?",
}
_REMOVED = "UPDATE removal SET number = number + 1"


class SqliteErasing:
    """`cloud_bridge.store.port.upkeep.Erasing` on SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def erase(self, vin: str) -> dict[str, int]:
        with self._database.write(overwrite=True) as connection:
            counts = {table: connection.execute(statement, (vin,)).rowcount for table, statement in DELETE.items()}
            connection.execute(_REMOVED)
        try:
            self._database.rewrite()
        except StoreError as error:
            raise StoreError(
                f"vehicle {vin} is deleted, but its bytes may still be in the file: {error}. Erase it again."
            ) from error
        if not any(counts.values()):
            raise RegistryError(f"there is nothing of vehicle {vin}; see `canlift-bridge vehicle list`")
        return {table: count for table, count in counts.items() if count}
