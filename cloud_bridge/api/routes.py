"""The operations of the API: the one table that routing, parsing and the OpenAPI document are made from."""

from __future__ import annotations

from cloud_bridge.actions.asked import Remote
from cloud_bridge.actions.callback import CallbackParameter, StatusParameter
from cloud_bridge.api import (
    alarms,
    alerts,
    callbacks,
    collisions,
    fleets,
    last_position,
    maintenance,
    monitors,
    remotes,
    status,
    stolen,
    telemetry,
    trips,
    vehicles,
    way_points,
)
from cloud_bridge.api.operation import GEO, Read, Write
from cloud_bridge.api.parameters import (
    ALARM_TYPE,
    DISTANCE,
    DURATION,
    LOCALE,
    PAGE_SIZE,
    PAGE_SIZE_HIGH_FREQUENCY,
    PROFILE,
    REMOTE_TYPES,
    STATES,
    TELEMETRY_EXTENSION,
    TIMESTAMPS,
    TOLERANCE,
    TYPE,
    VEHICLE_EXTENSION,
    VEHICLES_EXTENSION,
    VIN_PREFIX,
)
from cloud_bridge.api.positions import Feature
from cloud_bridge.monitors.parameter import MonitorParameter

_FLEET = "/fleets/{fid}"
_VEHICLE = f"{_FLEET}/vehicles/{{vid}}"
_TRIP = f"{_VEHICLE}/trips/{{tid}}"
_MONITORS = f"{_FLEET}/monitors"
_MONITOR = f"{_MONITORS}/{{mid}}"
_CALLBACKS = f"{_FLEET}/remote/callbacks"
_CALLBACK = f"{_CALLBACKS}/{{cbid}}"
_REMOTES = f"{_VEHICLE}/callbacks/{{cbid}}/remotes"

OPERATIONS: tuple[Read | Write, ...] = (
    Read(
        "/vehicles/{vin}", "getVehiclesCapabilities", "What a vehicle is, and what it can say and do", "Capabilities",
        vehicles.VehicleCapabilities, vehicles.read_capabilities, (LOCALE, VEHICLE_EXTENSION),
    ),
    Read(
        "/fleets", "getFleets", "Fleets that the client may see", "Fleet",
        fleets.Fleets, fleets.read_fleets, page_size=PAGE_SIZE,
    ),
    Read(_FLEET, "getFleet", "A fleet", "Fleet", fleets.Fleet, fleets.read_fleet),
    Read(
        f"{_FLEET}/status", "getFleetStatusList", "The latest status of each vehicle of a fleet", "Fleet",
        status.StatusList, status.read_statuses, (PROFILE,), page_size=PAGE_SIZE, index_range=True, deprecated=True,
    ),
    Read(
        f"{_FLEET}/maintenances", "getFleetMantenanceList", "The next maintenance of each vehicle", "Fleet",
        maintenance.MaintenanceList, maintenance.read_maintenances, (PROFILE,),
        page_size=PAGE_SIZE, index_range=True, deprecated=True,
    ),
    Read(
        f"{_FLEET}/alerts", "getFleetAlertList", "Alerts of all vehicles of a fleet", "Fleet",
        alerts.Alerts, alerts.read_fleet_alerts, (PROFILE, TIMESTAMPS),
        page_size=PAGE_SIZE, index_range=True, deprecated=True,
    ),
    Read(
        f"{_FLEET}/alerts/{{aid}}", "getFleetAlertById", "An alert of a vehicle of a fleet", "Fleet",
        alerts.Alert, alerts.read_fleet_alert, (PROFILE,), deprecated=True,
    ),
    Read(
        f"{_FLEET}/collisions", "getFleetTripCollisions", "Collisions of all vehicles of a fleet", "Fleet",
        collisions.Collisions, collisions.read_fleet_collisions, (PROFILE, TIMESTAMPS),
        page_size=PAGE_SIZE, index_range=True, deprecated=True,
    ),
    Read(
        f"{_FLEET}/collisions/{{cid}}", "getCollisionsById", "A collision of a vehicle of a fleet", "Fleet",
        collisions.Collision, collisions.read_fleet_collision, (PROFILE,), deprecated=True,
    ),
    Read(
        f"{_FLEET}/trips", "getFleetTrips", "Completed trips of all vehicles of a fleet", "Fleet",
        trips.Trips, trips.read_fleet_trips, (PROFILE, TIMESTAMPS, DISTANCE, DURATION, STATES),
        page_size=PAGE_SIZE, index_range=True, deprecated=True,
    ),
    Read(
        f"{_FLEET}/vehicles", "getVehiclesByDevice", "Vehicles of a fleet", "Vehicles",
        vehicles.Vehicles, vehicles.read_vehicles, (LOCALE, VEHICLES_EXTENSION, VIN_PREFIX), page_size=PAGE_SIZE,
    ),
    Read(
        _VEHICLE, "getVehicleByid", "A vehicle", "Vehicles",
        vehicles.Vehicle, vehicles.read_vehicle, (LOCALE, VEHICLE_EXTENSION),
    ),
    Read(
        f"{_VEHICLE}/status", "getFleetVehicleStatus", "The latest status of a vehicle", "Vehicles",
        status.Status, status.read_status, (PROFILE,),
    ),
    Read(
        f"{_VEHICLE}/lastPosition", "getCarLastPosition", "The last known position of a vehicle", "Vehicles",
        Feature, last_position.read_last_position, (PROFILE,), media_type=GEO, deprecated=True,
    ),
    Read(
        f"{_VEHICLE}/maintenance", "getVehicleMaintenance", "How long until the next maintenance", "Vehicles",
        maintenance.Maintenance, maintenance.read_maintenance, (PROFILE,),
    ),
    Read(
        f"{_VEHICLE}/alerts", "getVehicleAlerts", "Alerts of a vehicle", "Vehicles",
        alerts.Alerts, alerts.read_alerts, (PROFILE, TIMESTAMPS), page_size=PAGE_SIZE, index_range=True,
    ),
    Read(
        f"{_VEHICLE}/alerts/{{aid}}", "getFleetVehicleAlertsById", "An alert of a vehicle", "Vehicles",
        alerts.Alert, alerts.read_alert, (PROFILE,),
    ),
    Read(
        f"{_VEHICLE}/alarms", "getVehicleAlarms", "When the alarm was armed, disarmed or went off", "Vehicles",
        alarms.Alarms, alarms.read_alarms, (ALARM_TYPE, TIMESTAMPS), page_size=PAGE_SIZE, index_range=True,
    ),
    Read(
        f"{_VEHICLE}/alarms/{{aid}}", "getVehicleAlarmsById", "An alarm of a vehicle", "Vehicles",
        alarms.AlarmDetails, alarms.read_alarm,
    ),
    Read(
        f"{_VEHICLE}/collisions", "getVehicleCollision", "Collisions of a vehicle", "Vehicles",
        collisions.Collisions, collisions.read_collisions, (PROFILE, TIMESTAMPS),
        page_size=PAGE_SIZE, index_range=True,
    ),
    Read(
        f"{_VEHICLE}/collisions/{{cid}}", "getVehicleCollisionById", "A collision of a vehicle", "Vehicles",
        collisions.Collision, collisions.read_collision, (PROFILE,),
    ),
    Read(
        f"{_VEHICLE}/stolen", "getVehicleStolenHistory", "When a vehicle was stolen", "Vehicles",
        stolen.StolenCollection, stolen.read_thefts, (TIMESTAMPS,), page_size=PAGE_SIZE, index_range=True,
    ),
    Read(
        f"{_VEHICLE}/stolen/{{sid}}", "getVehicleStolenById", "A theft of a vehicle", "Vehicles",
        stolen.Stolen, stolen.read_theft,
    ),
    Read(
        f"{_VEHICLE}/stolen/{{sid}}/waypoints", "getVehicleStolenIdPosition", "Where it was while it was stolen",
        "Vehicles", way_points.WayPoints, stolen.read_theft_way_points, page_length=2000,
    ),
    Read(
        f"{_VEHICLE}/telemetry", "getTelemetry", "What a vehicle said, message by message", "Vehicles",
        telemetry.Telemetries, telemetry.read_telemetry, (PROFILE, TIMESTAMPS, TYPE, TELEMETRY_EXTENSION),
        page_size=PAGE_SIZE_HIGH_FREQUENCY, index_range=True,
    ),
    Read(
        f"{_VEHICLE}/trips", "getTripsByVehicle", "Completed trips of a vehicle", "Trips",
        trips.Trips, trips.read_trips, (PROFILE, TIMESTAMPS, DISTANCE, DURATION, STATES),
        page_size=PAGE_SIZE, index_range=True,
    ),
    Read(
        _TRIP, "getFleetTripByVehicle", "A trip, completed or not", "Trips", trips.Trip, trips.read_trip, (PROFILE,)
    ),
    Read(
        f"{_TRIP}/wayPoints", "getPathForTrip", "The positions along a trip", "Trips",
        way_points.WayPoints, way_points.read_way_points, (PROFILE, TIMESTAMPS, TOLERANCE),
        page_size=PAGE_SIZE_HIGH_FREQUENCY, index_range=True,
    ),
    Read(
        f"{_TRIP}/alerts", "getFleetTripAlertByVehicle", "Alerts during a trip", "Trips",
        alerts.Alerts, alerts.read_trip_alerts, (PROFILE, TIMESTAMPS), page_size=PAGE_SIZE, index_range=True,
    ),
    Read(
        f"{_TRIP}/alerts/{{aid}}", "getFleetTripAlertByVehicleById", "An alert during a trip", "Trips",
        alerts.Alert, alerts.read_trip_alert, (PROFILE,),
    ),
    Read(
        f"{_TRIP}/collisions", "getTripCollisionsByTripAndVehicle", "Collisions during a trip", "Trips",
        collisions.Collisions, collisions.read_trip_collisions, (TIMESTAMPS,), page_size=PAGE_SIZE, index_range=True,
    ),
    Read(
        f"{_TRIP}/telemetry", "getTelemetryForTripByVehicle", "What the vehicle said during a trip", "Trips",
        telemetry.Telemetries, telemetry.read_trip_telemetry, (PROFILE, TIMESTAMPS, TYPE, TELEMETRY_EXTENSION),
        page_size=PAGE_SIZE_HIGH_FREQUENCY, index_range=True,
    ),
    Read(
        _MONITORS, "getFleetMonitors", "Monitors of a fleet", "Monitors",
        monitors.Monitors, monitors.read_monitors, page_size=PAGE_SIZE, index_range=True,
    ),
    Write(
        _MONITORS, "createFleetVehicleMonitor", "Makes a monitor; it runs from then on", "Monitors",
        "POST", 202, monitors.add, monitors.MonitorRef, MonitorParameter,
        "The fleet has as many monitors as it may have (`code` 40900).",
    ),
    Read(
        _MONITOR, "getFleetMonitorsStatusById", "A monitor", "Monitors", monitors.Monitor, monitors.read_monitor,
    ),
    Write(
        _MONITOR, "updateFleetVehicleMonitor", "Puts another monitor in its place, as a whole", "Monitors",
        "PUT", 202, monitors.replace, monitors.MonitorRef, MonitorParameter,
    ),
    Write(
        _MONITOR, "deleteFleetMonitor", "Deletes a monitor, with what of it waits to be told", "Monitors",
        "DELETE", 204, monitors.delete,
    ),
    Write(
        f"{_MONITOR}/status", "setFleetVehicleMonitorStatus", "Pauses a monitor, or has it run again", "Monitors",
        "PUT", 202, monitors.set_status, monitors.MonitorRef, monitors.MonitorStatusSetter,
    ),
    Read(
        _CALLBACKS, "getFleetRemotes", "Where a fleet is told what becomes of remote actions", "Remote",
        callbacks.RemoteCallbacks, callbacks.read_callbacks, (REMOTE_TYPES,), page_size=PAGE_SIZE, index_range=True,
    ),
    Write(
        _CALLBACKS, "setFleetVehicleRemote", "Registers a callback, to be used with any number of actions", "Remote",
        "POST", 200, callbacks.add, callbacks.CallbackRef, CallbackParameter,
        "The fleet has as many callbacks as it may have (`code` 40900).",
    ),
    Read(
        _CALLBACK, "getFleetRemotebyId", "A callback", "Remote", callbacks.RemoteCallback, callbacks.read_callback,
    ),
    Write(
        _CALLBACK, "setFleetVehicleRemoteById", "Puts another callback in its place, as a whole", "Remote",
        "PUT", 202, callbacks.replace, callbacks.CallbackRef, CallbackParameter,
    ),
    Write(
        _CALLBACK, "deleteFleetRemote", "Deletes a callback, with its actions and what waits to be told", "Remote",
        "DELETE", 204, callbacks.delete, conflict="An action of the callback is not done yet (`code` 40901).",
    ),
    Write(
        f"{_CALLBACK}/status", "setFleeRemoteCallbackStatus", "Pauses a callback, or has it run again", "Remote",
        "PUT", 202, callbacks.set_status, callbacks.CallbackRef, StatusParameter,
    ),
    Read(
        _REMOTES, "getRemoteRequestsForVhl", "What a vehicle was asked to do, the newest first", "Remote",
        remotes.RemoteActions, remotes.read_remotes, page_size=PAGE_SIZE, index_range=True,
    ),
    Write(
        _REMOTES, "sendRemoteToVhl", "Asks a vehicle to do something; the callback is told what comes of it", "Remote",
        "POST", 202, remotes.add, remotes.RemotePostResponse, Remote,
    ),
    Read(
        f"{_REMOTES}/{{rid}}", "getRemoteRequestForVhlById", "An action, and how far it is", "Remote",
        remotes.RemoteAction, remotes.read_remote,
    ),
)  # fmt: skip
