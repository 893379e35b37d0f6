"""`/fleets/{fid}/remote/callbacks` and below: where a fleet is told what becomes of remote actions."""

from __future__ import annotations

import secrets

import msgspec
from msgspec.structs import replace as changed

from cloud_bridge.actions.callback import CallbackParameter, read, read_status
from cloud_bridge.api.call import Call, Command
from cloud_bridge.api.documents import Document, Link
from cloud_bridge.api.errors import Code, RefusedError
from cloud_bridge.api.listing import collection_of, listed
from cloud_bridge.api.parameters import REMOTE_TYPES
from cloud_bridge.records.model import Json
from cloud_bridge.store.port.remote import CallbackStatus, PendingError, TooManyError
from cloud_bridge.store.port.remote import RemoteCallback as Kept


class CallbackRefLinks(Document):
    fleet: Link
    callback: Link


class CallbackRef(Document):
    """What is told of a callback that was changed."""

    links: CallbackRefLinks = msgspec.field(name="_links")
    callback_id: str
    status: CallbackStatus


class CallbackLinks(Document):
    self: Link
    fleet: Link
    remotes: Link
    """A template of the vehicle."""


class RemoteCallback(Document):
    links: CallbackLinks = msgspec.field(name="_links")
    id: str
    subscribe: CallbackParameter
    """As it was given."""
    status: CallbackStatus


RemoteCallbacks = collection_of("RemoteCallbacks", "callbacks", RemoteCallback)


def read_callbacks(call: Call) -> Json:
    window, types = call.window, call.query[REMOTE_TYPES]
    unrestricted, found = call.service.remote.callbacks.callbacks(
        call.fleet_id, types or None, window.offset, window.limit
    )
    return listed(call, "callbacks", unrestricted, [_callback(each, call) for each in found])


def read_callback(call: Call) -> Json:
    return _callback(named(call), call)


def add(command: Command) -> CallbackRef:
    call, now_ms, service = command.call, command.now_ms, command.call.service.remote
    asked = read(command.body, insecure=service.insecure)
    body = msgspec.json.encode(asked)
    made = Kept(secrets.token_hex(16), call.fleet_id, body, asked.remote_types, "Running", now_ms, now_ms)
    try:
        service.callbacks.add(made, service.most_callbacks)
    except TooManyError:
        message = (
            f"Fleet '{call.fleet_id}' has {service.most_callbacks} callbacks, and may not have more: delete one that is"
            " not needed."
        )
        raise RefusedError(Code.FULL, message) from None
    return _ref(made, call)


def replace(command: Command) -> CallbackRef:
    call = command.call
    asked = read(command.body, insecure=call.service.remote.insecure)
    known = named(call)
    body = msgspec.json.encode(asked)
    after = changed(known, body=body, types=asked.remote_types, updated_at_ms=command.now_ms)
    replaced = _expect(call, call.service.remote.callbacks.replace(after))
    call.service.changed(replaced.id)
    return _ref(replaced, call)


def set_status(command: Command) -> CallbackRef:
    call = command.call
    status = read_status(command.body).status
    after = call.service.remote.callbacks.set_status(call.fleet_id, call.ids["cbid"], status, command.now_ms)
    callback = _expect(call, after)
    call.service.changed(callback.id)
    return _ref(callback, call)


def delete(command: Command) -> None:
    call = command.call
    try:
        found = call.service.remote.callbacks.delete(call.fleet_id, call.ids["cbid"])
    except PendingError:
        message = f"Callback '{call.ids['cbid']}' is to be told of an action that is not done: try again when it is."
        raise RefusedError(Code.PENDING, message) from None
    if not found:
        raise _unknown(call)


def named(call: Call) -> Kept:
    """The callback of the path. Raises RefusedError."""
    return _expect(call, call.service.remote.callbacks.callback(call.fleet_id, call.ids["cbid"]))


def _expect(call: Call, callback: Kept | None) -> Kept:
    if callback is None:
        raise _unknown(call)
    return callback


def _unknown(call: Call) -> RefusedError:
    return RefusedError(Code.NO_DATA, f"There is no callback '{call.ids['cbid']}' in fleet '{call.fleet_id}'.")


def _ref(callback: Kept, call: Call) -> CallbackRef:
    links = call.links
    return CallbackRef(
        links=CallbackRefLinks(links.fleet(callback.fleet_id), links.callback(callback.fleet_id, callback.id)),
        callback_id=callback.id,
        status=callback.status,
    )


def _callback(callback: Kept, call: Call) -> Json:
    links, fleet = call.links, callback.fleet_id
    return {
        "_links": CallbackLinks(
            links.callback(fleet, callback.id), links.fleet(fleet), links.remotes(fleet, callback=callback.id)
        ),
        "id": callback.id,
        "subscribe": msgspec.Raw(callback.body),
        "status": callback.status,
    }
