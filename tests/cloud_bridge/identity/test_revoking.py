"""A vehicle that is revoked: refused by the broker and by the bridge, at once, and only this one."""

from __future__ import annotations

import json
import ssl
import threading
from datetime import UTC, datetime, timedelta

import paho.mqtt.client as mqtt
import pytest
from cryptography import x509

from cloud_bridge.identity.authority import IdentityError, pem, revoked
from cloud_bridge.identity.folder import VEHICLES, write
from cloud_bridge.identity.shutting_out import StillInError, await_refusal, disconnect, reload
from cloud_bridge.ingest.ingest import Delivery, Ingest
from cloud_bridge.mqtt.connection import leave, new_client
from contract.topics import RETAINED, UP, topic
from tests.cloud_bridge.identity.yard import Client, Yard, lets_in, refusal
from tests.cloud_bridge.vehicle import EPOCH_MS, OTHER_VIN, VIN, Boot

REVOKED = "SSLV3_ALERT_CERTIFICATE_REVOKED"


def keeps(yard: Yard, *vins: str) -> None:
    """The broker keeps lists and commands for vehicles."""
    client = new_client(yard.settings.mqtt, "keeps")
    client.connect("localhost", yard.bridge_port)
    client.loop_start()
    for vin in vins:
        for leaf in RETAINED:
            client.publish(topic(vin, leaf), b"kept", qos=1, retain=True).wait_for_publish(30)
    leave(client)


def kept(yard: Yard) -> set[str]:
    """The topics of which it keeps something."""
    found, end = set(), threading.Event()
    client = new_client(yard.settings.mqtt, "looks")

    def came(_client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        if message.retain:
            found.add(message.topic)
        else:
            end.set()

    subscribed = threading.Event()
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = came
    client.connect("localhost", yard.bridge_port)
    client.loop_start()
    client.subscribe("canlift/v1/#", qos=1)
    assert subscribed.wait(30)
    client.publish("canlift/v1/end", b"", qos=1)  # What is retained was queued before it.
    assert end.wait(30)
    leave(client)
    return found


def listed(yard: Yard) -> dict[int, datetime]:
    newest = x509.load_pem_x509_crl((yard.folder / "broker" / "revoked.pem").read_bytes())
    return {one.serial_number: one.revocation_date_utc for one in newest}


def test_a_vehicle_that_is_revoked_is_thrown_out_and_cannot_come_back(
    open_yard: Yard, capsys: pytest.CaptureFixture[str]
) -> None:
    open_yard.reload_by()
    box, other = open_yard.enrolled(VIN), open_yard.enrolled(OTHER_VIN)
    vehicle = Client(open_yard.vehicles_port, box.context(), VIN)
    bystander = Client(open_yard.vehicles_port, other.context(), OTHER_VIN)
    keeps(open_yard, VIN, OTHER_VIN)
    capsys.readouterr()
    assert open_yard.run("vehicle", "revoke", VIN) == 0
    assert vehicle.ended.wait(30)
    assert kept(open_yard) == {topic(OTHER_VIN, leaf) for leaf in RETAINED}
    assert refusal(box, open_yard.vehicles_port) == REVOKED
    assert not bystander.ended.is_set()
    assert lets_in(other, open_yard.vehicles_port)
    said = capsys.readouterr().out
    assert f"vehicle {VIN}: 1 certificates are revoked" in said
    assert "has ended its connection, and keeps nothing for it" in said
    assert open_yard.run("privacy", VIN, "Full", "--wait", "100ms") == 1
    assert f"the certificates of vehicle {VIN} are revoked" in capsys.readouterr().err
    assert kept(open_yard) == {topic(OTHER_VIN, leaf) for leaf in RETAINED}
    bystander.close()


def test_a_broker_that_is_run_by_its_script_reads_the_list_by_itself(yard: Yard) -> None:
    yard.start_broker(by_script=True)
    box, other = yard.enrolled(VIN), yard.enrolled(OTHER_VIN)
    assert yard.run("vehicle", "revoke", VIN) == 0
    assert refusal(box, yard.vehicles_port) == REVOKED
    assert yard.run("vehicle", "revoke", OTHER_VIN) == 0
    assert refusal(other, yard.vehicles_port) == REVOKED
    assert refusal(box, yard.vehicles_port) == REVOKED


def test_a_session_from_before_lets_nobody_in(open_yard: Yard) -> None:
    open_yard.reload_by()
    box = open_yard.enrolled(VIN)
    context = box.context()
    before = Client(open_yard.vehicles_port, context, VIN)
    line = before._client.socket()
    assert isinstance(line, ssl.SSLSocket)
    session = line.session
    assert session is not None
    assert session.has_ticket
    assert open_yard.run("vehicle", "revoke", VIN) == 0
    again = Client(open_yard.vehicles_port, resuming(context, session), VIN)
    assert not again.let_in


def test_a_broker_that_has_not_read_the_list_is_no_reason_to_say_that_it_refuses(
    open_yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = open_yard.storage()
    probe = storage.issuer.probe()
    storage.issuer.publish()
    storage.close()
    mqtt = open_yard.settings.mqtt
    with pytest.raises(StillInError, match="has not read the list of revoked certificates within 1 s"):
        await_refusal(mqtt, open_yard.vehicles_port, probe, patience_s=1)
    # A listener that refuses for another reason proves nothing.
    with monkeypatch.context() as patient:
        patient.setattr("cloud_bridge.identity.shutting_out._REFUSAL_S", 60.0)
        with pytest.raises(StillInError, match=r"cannot be asked whether it refuses: .*UNKNOWN_CA"):
            await_refusal(mqtt, open_yard.bridge_port, probe, patience_s=1)
    open_yard.reload_broker()
    await_refusal(mqtt, open_yard.vehicles_port, probe)
    open_yard.stop_broker()
    with pytest.raises(StillInError, match=r"cannot be asked whether it refuses: .*refused"):
        await_refusal(mqtt, open_yard.vehicles_port, probe, patience_s=1)
    with pytest.raises(StillInError, match=f"cannot be reached to disconnect {VIN}"):
        disconnect(mqtt, VIN)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("/nowhere/reload",), "cannot be run: .*No such file"),
        (("sh", "-c", "echo the broker is gone >&2; exit 3"), "ended with status 3: the broker is gone"),
    ],
)
def test_what_cannot_have_the_broker_read_the_list_is_named(command: tuple[str, ...], said: str) -> None:
    with pytest.raises(StillInError, match=rf"\[identity\] reload {said}"):
        reload(command)


def test_the_bridge_takes_nothing_of_it_until_it_has_another_certificate(
    yard: Yard, capsys: pytest.CaptureFixture[str]
) -> None:
    box = yard.enrolled(VIN)
    serving, elsewhere = yard.storage(), yard.storage()
    ingest = Ingest(serving.receiving, lambda: EPOCH_MS)

    def sent(sequence: int) -> set[str]:
        return set(ingest.commit([Delivery(topic(VIN, UP), Boot().payload(sequence))]).by_vin)

    assert sent(0) == {VIN}
    elsewhere.identities.revoke(VIN, EPOCH_MS)  # By another program, which the bridge that serves knows nothing of.
    assert sent(1) == set()
    assert sent(2) == set()
    intake = serving.receiving.intake(VIN)
    assert (intake.uploads, intake.refusals) == (1, {"revoked": 2})
    yard.enroll(box)
    assert sent(1) == {VIN}
    capsys.readouterr()
    assert yard.run("vehicle", "list", "--json") == 0
    vehicle = next(one for one in json.loads(capsys.readouterr().out) if one["vin"] == VIN)
    assert vehicle["uploads"] == 2
    serving.close()
    elsewhere.close()


def test_a_vehicle_that_is_erased_has_no_certificate_that_holds(open_yard: Yard) -> None:
    yard = open_yard
    keeps(yard, VIN)
    box = yard.enrolled(VIN)
    assert box.tls.certificate is not None
    serial = x509.load_pem_x509_certificate(box.tls.certificate.read_bytes()).serial_number
    assert listed(yard) == {}
    assert yard.run("vehicle", "erase", VIN) == 0
    assert set(listed(yard)) == {serial}
    assert kept(yard) == set()
    assert VIN.encode() not in (yard.folder / "canlift.db").read_bytes()


def test_each_list_is_newer_than_the_one_before_and_holds_as_long_as_its_authority(yard: Yard) -> None:
    storage = yard.storage()
    issuer = storage.issuer
    found = []
    for _ in range(3):
        issuer.publish()
        newest = issuer.folder.newest_list()
        assert newest is not None
        found.append(newest)
    first, second, third = (one.last_update_utc for one in found)
    assert first < second < third <= datetime.now(UTC)
    assert found[0].next_update_utc == issuer.folder.certificate(VEHICLES).not_valid_after_utc
    storage.close()


def test_what_ended_anyhow_is_not_listed(yard: Yard) -> None:
    storage = yard.storage()
    now_ms = storage.issuer._clock_ms()
    probe = storage.issuer.probe()
    day_ms = 86_400_000
    assert [one.serial for one in storage.identities.revoked(now_ms)] == [probe.certificate.serial_number]
    assert storage.identities.revoked(now_ms + 2 * day_ms) == []
    storage.close()


def test_a_list_of_the_future_is_named(yard: Yard) -> None:
    storage = yard.storage()
    issuer = storage.issuer
    later = revoked(issuer.folder.authority(VEHICLES), [], datetime.now(UTC) + timedelta(days=2))
    write(issuer.folder.path / "revoked.pem", pem(later))
    with pytest.raises(IdentityError, match="which is yet to come: set the clock"):
        issuer.publish()
    storage.close()


def test_who_has_no_certificate_cannot_be_revoked(yard: Yard, capsys: pytest.CaptureFixture[str]) -> None:
    assert yard.run("vehicle", "revoke", VIN) == 1
    assert f"vehicle {VIN} has no certificate" in capsys.readouterr().err
    assert yard.run("vehicle", "revoke", "VF3TESTCAR0000009") == 1
    assert "not registered: VF3TESTCAR0000009" in capsys.readouterr().err


def resuming(context: ssl.SSLContext, session: ssl.SSLSession) -> ssl.SSLContext:
    """The context, whose connections go on with the session."""

    class Resuming(ssl.SSLSocket):
        def do_handshake(self, block: bool = False) -> None:
            if self.session is None or self.session.id != session.id:
                self.session = session
            super().do_handshake(block)

    context.sslsocket_class = Resuming
    return context
