"""One start, in a process of its own (`bench.startup`): `service CONFIG`, or `obvious DATABASE HOST PORT CA`.

It prints the CPU seconds from the start of the process to the first decoded frame, then that it is connected; then it
waits until its input ends.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import cast

from bench.large_database import VIN, frame_id

_PAYLOAD = bytes([100, 101, 102, 103, 104, 105, 106, 1])


def _say(text: object) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def service(config: Path) -> None:
    """What `canlift-agent run` loads and makes, but for the CAN socket."""
    from agent.cli import load

    load("run")
    from agent.bus.frame import Frame
    from agent.clocks.system import monotonic_ms
    from agent.collector import Collector
    from agent.journal.numbering import Numbering, boot_of_this_start
    from agent.lifting import lifting
    from agent.plan.prepared import FOLDER, prepared_plan
    from agent.sampling.sampler import Sampler
    from agent.settings.agent import load_settings

    settings = load_settings(config)
    assert settings.profile is not None
    plan = prepared_plan(settings.profile, settings.state / FOLDER)
    with lifting(VIN, settings, plan.manifest, live=True) as lift:
        now_ms = monotonic_ms()
        sampler = Sampler(plan, now_ms)
        collector = Collector(VIN, plan.manifest, sampler, Numbering(boot_of_this_start()), lift.journal)
        collector.feed([Frame(now_ms, "can0", frame_id(0), True, _PAYLOAD)])
        assert 100 in next(message for message in plan.messages if message.id == frame_id(0)).decode(_PAYLOAD)
        _say(time.process_time())
        while not lift.uplink.connected:
            time.sleep(0.01)
        collector.advance(now_ms + 2000)
        _say("connected")
        sys.stdin.read()


def obvious(database: Path, host: str, port: int, authority: Path) -> None:
    """python-can, cantools, paho-mqtt and what goes with them, as one would write it at first."""
    # python-can imports it if it happens to be installed, and pandas with it.
    cast("dict[str, object]", sys.modules)["asammdf"] = None
    import can  # noqa: F401
    import cantools
    import cbor2  # noqa: F401
    import paho.mqtt.client as mqtt
    import serial  # noqa: F401
    import tenacity  # noqa: F401
    from paho.mqtt.enums import CallbackAPIVersion

    loaded = cantools.database.load_file(database)
    assert isinstance(loaded, cantools.database.can.Database)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=VIN)
    client.tls_set(str(authority))
    client.connect(host, port)
    client.loop_start()
    decoded = loaded.decode_message(frame_id(0), _PAYLOAD)
    assert isinstance(decoded, dict)
    assert decoded["Signal0"] == 0
    _say(time.process_time())
    while not client.is_connected():
        time.sleep(0.01)
    _say("connected")
    sys.stdin.read()
    client.loop_stop()


if __name__ == "__main__":
    if sys.argv[1] == "service":
        service(Path(sys.argv[2]))
    else:
        obvious(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), Path(sys.argv[5]))
