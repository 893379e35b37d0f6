"""`canlift-bridge vehicle`: what may send, and what is known of it."""

from __future__ import annotations

import argparse

from cloud_bridge.cli import lists, registering, thefts
from cloud_bridge.cli.grammar import Actions, Parents, action, group
from cloud_bridge.cli.identity import add_vehicle_commands


def add_commands(commands: Actions[argparse.ArgumentParser], parents: Parents) -> None:
    common, listing = parents
    vehicle = group(commands, "vehicle", "what may send")
    add = action(vehicle, "add", registering.add, common, "register a vehicle, or let it join more fleets")
    add.add_argument("vin", metavar="VIN")
    add.add_argument("--model", required=True, help="its vehicle profile")
    add.add_argument("--fleet", required=True, action="append", metavar="ID", help="may be given several times")
    add.add_argument("--brand", help="the profile's when left out")
    text = "what it is subscribed to; may be given several times; everything when left out"
    add.add_argument("--service", action="append", metavar="NAME", help=text)
    text = "change what a vehicle is subscribed to, and so shows"
    change = action(vehicle, "services", registering.subscribe, common, text)
    change.add_argument("vin", metavar="VIN")
    change.add_argument("services", nargs="*", metavar="NAME", help="[services] of the settings says which there are")
    change.add_argument("--all", action="store_true", help="everything, without services")
    text = "leave nothing of a vehicle in the database, and say what was removed"
    action(vehicle, "erase", registering.erase, listing, text).add_argument("vin", metavar="VIN")
    stolen = action(vehicle, "stolen", thefts.report_stolen, common, "say that a vehicle was taken; prints an id")
    stolen.add_argument("vin", metavar="VIN")
    stolen.add_argument("--since", type=thefts.moment, metavar="TIME", help="RFC 3339; now when left out")
    recovered = action(vehicle, "recovered", thefts.report_recovered, common, "say that it was found again")
    recovered.add_argument("vin", metavar="VIN")
    recovered.add_argument("--at", type=thefts.moment, metavar="TIME", help="RFC 3339; now when left out")
    add_vehicle_commands(vehicle, parents)
    action(vehicle, "list", lists.vehicles, listing, "all vehicles: what came, what is missing")
