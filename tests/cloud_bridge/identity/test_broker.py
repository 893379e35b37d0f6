"""A real mosquitto as it is set up for vehicles that it knows by their certificates: who is refused, and what."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

from cloud_bridge.identity.authority import Authority, Purpose, issue, new_authority, new_key
from cloud_bridge.identity.folder import Folder
from contract.configuration import Duration
from contract.topics import COMMAND, RECEIPT, UP, topic
from tests.agent.bridge import eventually
from tests.cloud_bridge.identity.yard import Box, Client, Yard, lets_in, refusal
from tests.cloud_bridge.vehicle import OTHER_VIN, VIN

REFUSED = "Not authorized"


def bridge_context(yard: Yard) -> ssl.SSLContext:
    mqtt = yard.settings.mqtt
    context = ssl.create_default_context(cafile=mqtt.ca_file)
    assert mqtt.cert_file is not None
    context.load_cert_chain(mqtt.cert_file, mqtt.key_file)
    return context


def test_a_vehicle_writes_and_reads_its_own_topics_and_the_bridge_all(open_yard: Yard) -> None:
    box, bridge = open_yard.enrolled(VIN), Client(open_yard.bridge_port, bridge_context(open_yard), "bridge")
    bridge.subscribe("$share/bridge-up/canlift/v1/+/up")
    vehicle = Client(open_yard.vehicles_port, box.context(), VIN)
    vehicle.subscribe(topic(VIN, RECEIPT), topic(VIN, COMMAND))
    assert vehicle.publish(topic(VIN, UP), b"an upload") == "Success"
    assert eventually(lambda: bridge.received == [(topic(VIN, UP), b"an upload")])
    assert bridge.publish(topic(VIN, RECEIPT), b"a receipt") == "Success"
    assert eventually(lambda: vehicle.received == [(topic(VIN, RECEIPT), b"a receipt")])
    vehicle.close()
    bridge.close()


def test_a_foreign_topic_is_refused_to_write_and_silent_to_read(open_yard: Yard) -> None:
    box, bridge = open_yard.enrolled(VIN), Client(open_yard.bridge_port, bridge_context(open_yard), "bridge")
    bridge.subscribe("canlift/v1/#")
    vehicle = Client(open_yard.vehicles_port, box.context(), VIN)
    vehicle.subscribe("canlift/v1/#", topic(OTHER_VIN, RECEIPT))
    for foreign in (topic(OTHER_VIN, UP), topic(VIN, RECEIPT), topic(VIN, COMMAND), "canlift/v1", "$SYS/broker/x"):
        assert vehicle.publish(foreign) == REFUSED, foreign
    assert bridge.publish(topic(OTHER_VIN, RECEIPT), b"not yours") == "Success"
    assert bridge.publish(topic(VIN, RECEIPT), b"yours") == "Success"
    assert eventually(lambda: (topic(VIN, RECEIPT), b"yours") in vehicle.received)
    assert (topic(OTHER_VIN, RECEIPT), b"not yours") not in vehicle.received
    assert (topic(OTHER_VIN, UP), b"x") not in bridge.received
    vehicle.close()
    bridge.close()


def test_a_foreign_client_id_counts_for_nothing(open_yard: Yard) -> None:
    mine, others = open_yard.enrolled(VIN), open_yard.enrolled(OTHER_VIN)
    other = Client(open_yard.vehicles_port, others.context(), OTHER_VIN)
    impostor = Client(open_yard.vehicles_port, mine.context(), OTHER_VIN)
    assert impostor.let_in
    assert impostor.publish(topic(OTHER_VIN, UP)) == REFUSED
    assert other.publish(topic(OTHER_VIN, UP)) == "No matching subscribers"
    assert not other.ended.is_set()  # It was not thrown out.
    honest = Client(open_yard.vehicles_port, mine.context(), VIN)
    assert impostor.ended.wait(30)  # Under whatever name, it was this vehicle's connection.
    for client in (other, impostor, honest):
        client.close()


def test_a_vehicle_is_not_let_in_where_the_bridge_is_nor_the_bridge_as_a_vehicle(open_yard: Yard) -> None:
    box = open_yard.enrolled(VIN)
    assert refusal(box, open_yard.bridge_port) == "TLSV1_ALERT_UNKNOWN_CA"
    assert lets_in(box, open_yard.vehicles_port)
    assert not Client(open_yard.vehicles_port, bridge_context(open_yard), "canlift-bridge").let_in


def test_nobody_is_let_in_without_a_certificate_or_by_older_tls(open_yard: Yard) -> None:
    box = open_yard.enrolled(VIN)
    assert not Client(open_yard.vehicles_port, ssl.create_default_context(cafile=box.tls.ca), VIN).let_in
    for port in (open_yard.vehicles_port, open_yard.bridge_port):
        old = box.context()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        assert "PROTOCOL_VERSION" in Client(port, old, VIN).failure.upper()


def test_a_certificate_of_a_stranger_in_the_vehicles_name_is_refused(open_yard: Yard, tmp_path: Path) -> None:
    box = open_yard.enrolled(VIN)
    now, key, stranger = datetime.now(UTC), new_key(), Folder(tmp_path / "stranger")
    forging = new_authority("canlift vehicles", now)  # It is called as ours is.
    forged = issue(forging, key.public_key(), VIN, Purpose.VEHICLE, now, Duration.parse("1d"))
    stranger.keep("vehicle", Authority(forged, key))
    context = ssl.create_default_context(cafile=box.tls.ca)
    context.load_cert_chain(stranger.path / "vehicle.pem", stranger.path / "vehicle.key")
    assert not Client(open_yard.vehicles_port, context, VIN).let_in


def test_an_expired_certificate_is_refused(open_yard: Yard) -> None:
    box = Box(open_yard.folder / "box", VIN)
    open_yard.enroll_for(box, 60, ago_s=61)
    assert refusal(box, open_yard.vehicles_port) == "SSLV3_ALERT_CERTIFICATE_EXPIRED"
    open_yard.enroll_for(box, 3600)
    assert lets_in(box, open_yard.vehicles_port)


def test_a_broker_of_another_host_is_not_believed(open_yard: Yard) -> None:
    box = open_yard.enrolled(VIN)
    elsewhere = Client(open_yard.vehicles_port, box.context(), VIN, host="127.0.0.1")
    assert "certificate is not valid for '127.0.0.1'" in elsewhere.failure
    open_yard.stop_broker()
    assert open_yard.run("broker", "config", "--host", "127.0.0.1") == 0
    open_yard.start_broker()
    for host in ("localhost", "127.0.0.1"):
        known = Client(open_yard.vehicles_port, box.context(), VIN, host=host)
        assert known.let_in
        known.close()


def test_a_vehicles_key_makes_no_broker(open_yard: Yard) -> None:
    box, other = open_yard.enrolled(VIN), open_yard.enrolled(OTHER_VIN)
    open_yard.stop_broker()
    for name in ("pem", "key"):
        stolen = box.folder / f"vehicle.{name}"
        (open_yard.folder / "broker" / f"broker.{name}").write_bytes(stolen.read_bytes())
    open_yard.start_broker()
    refused = Client(open_yard.vehicles_port, other.context(), OTHER_VIN)
    assert "self-signed certificate in certificate chain" in refused.failure
