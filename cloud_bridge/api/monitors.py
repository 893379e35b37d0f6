"""`/fleets/{fid}/monitors` and below: monitors made, read, replaced, paused and deleted."""

from __future__ import annotations

import secrets
from typing import Literal

import msgspec

from cloud_bridge.api.call import Call, Command
from cloud_bridge.api.documents import DateTime, Document, Link
from cloud_bridge.api.errors import Code, RefusedError
from cloud_bridge.api.listing import collection_of, listed
from cloud_bridge.monitors.parameter import MonitorParameter, read
from cloud_bridge.monitors.watch import accepted
from cloud_bridge.records.model import Json
from cloud_bridge.shapes.bodies import Part, read_body
from cloud_bridge.shapes.times import rfc3339
from cloud_bridge.store.port import monitors
from cloud_bridge.store.port.monitors import MonitorStatus


class MonitorRefLinks(Document):
    fleet: Link
    monitor: Link


class MonitorRef(Document):
    """What is told of a monitor that was changed."""

    links: MonitorRefLinks = msgspec.field(name="_links")
    monitor_id: str
    status: MonitorStatus
    created_at: DateTime
    updated_at: DateTime


class MonitorLinks(Document):
    self: Link
    fleet: Link


class Monitor(Document):
    links: MonitorLinks = msgspec.field(name="_links")
    monitor_id: str
    monitor: MonitorParameter
    """As it was given."""
    status: MonitorStatus
    created_at: DateTime
    updated_at: DateTime


Monitors = collection_of("Monitors", "monitors", Monitor)


class MonitorStatusSetter(Part, frozen=True):
    status: Literal["Running", "Paused"]


_SETTER = msgspec.json.Decoder(MonitorStatusSetter)


def read_monitors(call: Call) -> Json:
    window = call.window
    unrestricted, found = call.service.monitors.monitors(call.fleet_id, window.offset, window.limit)
    return listed(call, "monitors", unrestricted, [_monitor(each, call) for each in found])


def read_monitor(call: Call) -> Json:
    return _monitor(_expect(call, call.service.monitors.monitor(call.fleet_id, call.ids["mid"])), call)


def add(command: Command) -> MonitorRef:
    call, now_ms = command.call, command.now_ms
    body = _checked(command)
    most = call.service.monitoring.most
    running = ((now_ms, None),)
    made = monitors.Monitor(secrets.token_hex(16), call.fleet_id, body, "Running", 1, now_ms, now_ms, running)
    if not call.service.monitors.add(made, most):
        message = f"Fleet '{call.fleet_id}' has {most} monitors, and may not have more: delete one that is not needed."
        raise RefusedError(Code.FULL, message)
    return _ref(made, call)


def replace(command: Command) -> MonitorRef:
    call = command.call
    body = _checked(command)
    replaced = _expect(call, call.service.monitors.replace(call.fleet_id, call.ids["mid"], body, command.now_ms))
    call.service.changed(replaced.id)
    return _ref(replaced, call)


def set_status(command: Command) -> MonitorRef:
    call = command.call
    status = read_body(_SETTER, command.body).status
    changed = call.service.monitors.set_status(call.fleet_id, call.ids["mid"], status, command.now_ms)
    monitor = _expect(call, changed)
    call.service.changed(monitor.id)
    return _ref(monitor, call)


def delete(command: Command) -> None:
    call = command.call
    if not call.service.monitors.delete(call.fleet_id, call.ids["mid"]):
        raise _unknown(call)


def _checked(command: Command) -> bytes:
    """The monitor that is asked for, without what is JSON's only. Raises RefusedBodyError."""
    asked = read(command.body)
    accepted(asked, insecure=command.call.service.monitoring.insecure)
    return msgspec.json.encode(asked)


def _expect(call: Call, monitor: monitors.Monitor | None) -> monitors.Monitor:
    if monitor is None:
        raise _unknown(call)
    return monitor


def _unknown(call: Call) -> RefusedError:
    return RefusedError(Code.NO_DATA, f"There is no monitor '{call.ids['mid']}' in fleet '{call.fleet_id}'.")


def _ref(monitor: monitors.Monitor, call: Call) -> MonitorRef:
    links = call.links
    return MonitorRef(
        links=MonitorRefLinks(links.fleet(monitor.fleet_id), links.monitor(monitor.fleet_id, monitor.id)),
        monitor_id=monitor.id,
        status=monitor.status,
        created_at=rfc3339(monitor.created_at_ms),
        updated_at=rfc3339(monitor.updated_at_ms),
    )


def _monitor(monitor: monitors.Monitor, call: Call) -> Json:
    links = call.links
    return {
        "_links": MonitorLinks(links.monitor(monitor.fleet_id, monitor.id), links.fleet(monitor.fleet_id)),
        "monitorId": monitor.id,
        "monitor": msgspec.Raw(monitor.body),
        "status": monitor.status,
        "createdAt": rfc3339(monitor.created_at_ms),
        "updatedAt": rfc3339(monitor.updated_at_ms),
    }
