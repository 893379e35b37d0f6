"""`Callbacks` and `Actions` in memory: the port's promises over plain dictionaries, without a database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from datetime import UTC, datetime

from msgspec.structs import replace

from cloud_bridge.actions.life import Known, Phase
from cloud_bridge.store.port.outbox import Notification
from cloud_bridge.store.port.remote import (
    CallbackStatus,
    Move,
    PendingError,
    RemoteAction,
    RemoteCallback,
    TooManyError,
)


class MemoryActions:
    """Of vehicles it knows nothing but what was asked of them, when they were heard, and whether they are stolen."""

    def __init__(self, *done: RemoteAction) -> None:
        """`done`: actions of earlier."""
        self.all = {action.id: action for action in done}
        self.told: list[Notification] = []
        self.heard_at_ms: dict[str, int] = {}
        self.sent_at_ms: dict[str, int] = {}
        self.stolen: set[str] = set()
        self.tracked: set[str] = set()
        self._woken: Counter[tuple[str, str]] = Counter()
        self._look_at_ms: dict[str, int] = {}
        self._leased_until_ms: dict[str, int] = {}

    def begin(self, asked: RemoteAction, seen: Known, move: Callable[[Known], Move], now_ms: int) -> RemoteAction:
        decided = move(self._known(asked, seen, now_ms))
        return self._put(replace(asked, asked_at_ms=now_ms), decided, now_ms)

    def advance(
        self, action_id: str, seen: Known, move: Callable[[RemoteAction, Known], Move | None], now_ms: int
    ) -> RemoteAction | None:
        action = self.all.get(action_id)
        self._leased_until_ms.pop(action_id, None)
        if action is None or action.life.phase is Phase.DONE:
            return action
        decided = move(action, self._known(action, seen, now_ms))
        return action if decided is None else self._put(action, decided, now_ms)

    def answered(
        self, vin: str, action_id: str, move: Callable[[RemoteAction], Move | None], now_ms: int
    ) -> RemoteAction | None:
        self.heard_at_ms[vin] = now_ms
        action = self.all.get(action_id)
        if action is None or action.vin != vin:
            return None
        decided = move(action)
        return action if decided is None else self._put(action, decided, now_ms)

    def claim(self, now_ms: int, until_ms: int, limit: int) -> list[RemoteAction]:
        due = [
            action
            for action in self.in_progress()
            if self._look_at_ms[action.id] <= now_ms and self._leased_until_ms.get(action.id, 0) <= now_ms
        ][:limit]
        self._leased_until_ms.update({action.id: until_ms for action in due})
        return due

    def action(self, callback_id: str, vin: str, action_id: str) -> RemoteAction | None:
        found = self.all.get(action_id)
        return found if found is not None and (found.callback_id, found.vin) == (callback_id, vin) else None

    def actions(self, callback_id: str, vin: str, offset: int, limit: int) -> tuple[int, list[RemoteAction]]:
        found = [one for one in self.all.values() if (one.callback_id, one.vin) == (callback_id, vin)]
        found.sort(key=lambda one: (one.asked_at_ms, one.id), reverse=True)
        return len(found), found[offset : offset + limit]

    def in_progress(self) -> list[RemoteAction]:
        found = [action for action in self.all.values() if action.life.phase is not Phase.DONE]
        return sorted(found, key=lambda action: (action.vin, action.asked_at_ms, action.id))

    def wake_ups(self, vin: str, now_ms: int) -> int:
        return self._woken[vin, _month(now_ms)]

    def _known(self, action: RemoteAction, seen: Known, now_ms: int) -> Known:
        of_vehicle = [one for one in self.all.values() if one.vin == action.vin]
        heard_at_ms = self.heard_at_ms.get(action.vin)
        return replace(
            seen,
            is_same_in_progress=any(one.type == action.type and one.life.phase is not Phase.DONE for one in of_vehicle),
            lately=sum(one.asked_at_ms > now_ms - 60_000 for one in of_vehicle),
            wake_ups=self.wake_ups(action.vin, now_ms),
            is_waking=any(one.life.phase is Phase.WAKING for one in of_vehicle),
            heard_at_ms=heard_at_ms,
            said_at_ms=heard_at_ms,
            sent_at_ms=self.sent_at_ms.get(action.vin),
            is_stolen=action.vin in self.stolen,
            is_tracked=action.vin in self.tracked,
        )

    def _put(self, action: RemoteAction, decided: Move, now_ms: int) -> RemoteAction:
        after = replace(action, life=decided.life, updated_at_ms=now_ms, told=(*action.told, *decided.events))
        self.all[after.id] = after
        self._look_at_ms[after.id] = decided.look_at_ms
        self.told += decided.notifications
        self._woken[action.vin, _month(now_ms)] += decided.wakes
        if decided.sends:
            self.sent_at_ms[action.vin] = now_ms
        if decided.declares is not None:
            (self.stolen.add if decided.declares else self.stolen.discard)(action.vin)
        if decided.tracks is not None:
            (self.tracked.add if decided.tracks else self.tracked.discard)(action.vin)
        return after


class MemoryCallbacks:
    def __init__(self, actions: MemoryActions) -> None:
        self._actions = actions
        self._all: dict[str, RemoteCallback] = {}

    def add(self, callback: RemoteCallback, most: int) -> None:
        if self.callbacks(callback.fleet_id, None, 0, 0)[0] >= most:
            raise TooManyError
        self._all[callback.id] = callback

    def callback(self, fleet_id: str, callback_id: str) -> RemoteCallback | None:
        found = self._all.get(callback_id)
        return found if found is not None and found.fleet_id == fleet_id else None

    def callbacks(
        self, fleet_id: str, types: Collection[str] | None, offset: int, limit: int
    ) -> tuple[int, list[RemoteCallback]]:
        found = [
            callback
            for callback in self._all.values()
            if callback.fleet_id == fleet_id and (types is None or {*types} & {*callback.types})
        ]
        found.sort(key=lambda callback: (callback.created_at_ms, callback.id))
        return len(found), found[offset : offset + limit]

    def replace(self, callback: RemoteCallback) -> RemoteCallback | None:
        before = self.callback(callback.fleet_id, callback.id)
        if before is None:
            return None
        return self._put(
            replace(before, body=callback.body, types=callback.types, updated_at_ms=callback.updated_at_ms)
        )

    def set_status(self, fleet_id: str, callback_id: str, status: CallbackStatus, now_ms: int) -> RemoteCallback | None:
        before = self.callback(fleet_id, callback_id)
        return None if before is None else self._put(replace(before, status=status, updated_at_ms=now_ms))

    def delete(self, fleet_id: str, callback_id: str) -> bool:
        if self.callback(fleet_id, callback_id) is None:
            return False
        of_it = [action for action in self._actions.all.values() if action.callback_id == callback_id]
        if any(action.life.phase is not Phase.DONE for action in of_it):
            raise PendingError
        for action in of_it:
            del self._actions.all[action.id]
        del self._all[callback_id]
        return True

    def _put(self, callback: RemoteCallback) -> RemoteCallback:
        self._all[callback.id] = callback
        return callback


def _month(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m")
