"""`/fleets/{fid}/vehicles/{vid}/callbacks/{cbid}/remotes` and below: what a vehicle is asked to do, how far it is."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from cloud_bridge.actions.asked import Remote, read
from cloud_bridge.actions.life import FailureCause, RemoteType, Status
from cloud_bridge.api.call import Call, Command
from cloud_bridge.api.callbacks import named
from cloud_bridge.api.documents import Document, Link
from cloud_bridge.api.errors import Code, RefusedError
from cloud_bridge.api.listing import collection_of, listed
from cloud_bridge.records.model import Json
from cloud_bridge.shapes.bodies import RefusedBodyError
from cloud_bridge.store.port.remote import RemoteAction as Kept


class RemoteRefLinks(Document):
    fleet: Link
    callback: Link
    remote: Link


class RemotePostResponse(Document):
    """What is told of an action that was taken up."""

    links: RemoteRefLinks = msgspec.field(name="_links")
    remote_action_id: str
    type: RemoteType


class RemoteLinks(Document):
    self: Link
    fleet: Link
    callback: Link


class RemoteAction(Document, kw_only=True):
    links: RemoteLinks = msgspec.field(name="_links")
    remote_action_id: str
    type: RemoteType
    status: Status | UnsetType = UNSET
    """What the callback was told last."""
    failure_cause: FailureCause | UnsetType = UNSET
    remote: Remote
    """As it was given."""


RemoteActions = collection_of("RemoteActions", "remoteActions", RemoteAction)


def read_remotes(call: Call) -> Json:
    vehicle, callback, window = call.vehicle, named(call), call.window
    actions = call.service.remote.control.actions
    unrestricted, found = actions.actions(callback.id, vehicle.vin, window.offset, window.limit)
    return listed(call, "remoteActions", unrestricted, [_action(each, call) for each in found])


def read_remote(call: Call) -> Json:
    vehicle, callback = call.vehicle, named(call)
    action = call.service.remote.control.actions.action(callback.id, vehicle.vin, call.ids["rid"])
    if action is None:
        raise RefusedError(Code.NO_DATA, f"The vehicle has no action '{call.ids['rid']}' of callback '{callback.id}'.")
    return _action(action, call)


def add(command: Command) -> RemotePostResponse:
    call, service = command.call, command.call.service.remote
    vehicle, callback = call.vehicle, named(call)
    asked = read(command.body)
    type_ = asked.request.type
    if type_ not in callback.types:
        raise RefusedBodyError("", f"callback '{callback.id}' has no `{type_}` in its `remoteTypes`")
    permitted = type_ in call.client.remotes
    action = service.control.ask(callback, vehicle, asked, command.now_ms, permitted=permitted)
    if action is None:
        raise RefusedError(Code.NO_DATA, "The callback or the vehicle was deleted meanwhile.")
    service.asked()
    links, fleet = call.links, call.fleet_id
    return RemotePostResponse(
        links=RemoteRefLinks(
            links.fleet(fleet),
            links.callback(fleet, callback.id),
            links.remote(fleet, vehicle.id, callback.id, action.id),
        ),
        remote_action_id=action.id,
        type=type_,
    )


def _action(action: Kept, call: Call) -> Json:
    links, fleet = call.links, call.fleet_id
    shown: Json = {
        "_links": RemoteLinks(
            links.remote(fleet, call.vehicle.id, action.callback_id, action.id),
            links.fleet(fleet),
            links.callback(fleet, action.callback_id),
        ),
        "remoteActionId": action.id,
        "type": action.type,
    }
    last = action.last
    if last is not None:
        shown["status"] = last.status
        if last.cause is not None:
            shown["failureCause"] = last.cause
    return {**shown, "remote": msgspec.Raw(action.body)}
