"""Device messages: what the box itself says beside its buses, named like messages of a bus.

A profile lists their signals under [signals] as it lists those of a bus (`"Power.Supply" = { class = "slow" }`), reads
them in conditions and maps them to published data. Only the receiver's, `GNSS`, are collected without being listed:
[gnss] says how. A message of a database that bears one of these names goes before the box's own.
"""

from __future__ import annotations

from contract.catalog import DAYS, SLOTS
from contract.manifest import Signal

RECEIVER = "GNSS"
CONDITIONING = "ConditioningPrograms"
CHARGING = "ChargingPrograms"

DIAGNOSIS_CODES = 8
"""How many trouble codes a `Diagnosis` message has room for."""

REGISTRATIONS = {0: "NotRegistered", 1: "Home", 2: "Searching", 3: "Denied", 4: "Unknown", 5: "Roaming"}
"""3GPP TS 27.007, +CEREG, `<stat>`; what else it knows (SMS only, emergency only) is none of ours and left out."""

TECHNOLOGIES = {
    0: "GSM",
    1: "GSM Compact",
    2: "UTRAN",
    3: "EDGE",
    4: "HSDPA",
    5: "HSUPA",
    6: "HSPA",
    7: "LTE",
    8: "EC-GSM-IoT",
    9: "NB-IoT",
    10: "LTE 5GC",
    11: "NR 5GC",
    12: "NG-RAN",
    13: "EN-DC",
}
"""The same, `<AcT>`."""

PRIVACY_STATES = {0: "None", 1: "Geolocation", 2: "Full"}

_TRUTH = {0: "No", 1: "Yes"}


def program_signal(message: str, slot: int, part: str) -> str:
    """The signal of a part of a program: `Enabled`, `Recurrence`, `Start`, `End`, or a day."""
    return f"{message}.Slot{slot}{part}"


def _program(message: str, slot: int, *parts: Signal) -> tuple[Signal, ...]:
    own = (Signal("Enabled", choices=_TRUTH), *parts, *(Signal(day, choices=_TRUTH) for day in DAYS))
    return tuple(Signal(program_signal(message, slot, part.name), unit=part.unit, choices=part.choices) for part in own)


DEVICES: dict[str, tuple[Signal, ...]] = {
    # WGS 84; altitude above mean sea level; heading from true north.
    RECEIVER: (
        Signal("GNSS.Longitude", scale=1e-7, unit="deg"),
        Signal("GNSS.Latitude", scale=1e-7, unit="deg"),
        Signal("GNSS.Altitude", scale=0.1, unit="m"),
        Signal("GNSS.Heading", scale=0.1, unit="deg"),
        Signal("GNSS.Satellites"),
        Signal("GNSS.Fix", choices={2: "2D", 3: "3D"}),
        Signal("GNSS.Speed", scale=0.01, unit="km/h"),
    ),
    # Strength is what the technology measures it by: RSSI, RSCP or RSRP. Quality is RSRQ, or Ec/Io with UTRAN.
    # The operator is the country code times 1000 plus the network code, or times 100 where that has two digits: the
    # digits of "208" "01" are 20801, those of "310" "410" are 310410.
    "Modem": (
        Signal("Modem.SignalStrength", unit="dBm"),
        Signal("Modem.SignalQuality", scale=0.5, unit="dB"),
        Signal("Modem.Registration", choices=REGISTRATIONS),
        Signal("Modem.Technology", choices=TECHNOLOGIES),
        Signal("Modem.Operator"),
        Signal("Modem.Resets"),
    ),
    # What the box is fed with; the vehicle's 12 V supply as a rule.
    "Power": (Signal("Power.Supply", scale=0.01, unit="V"),),
    # A code is the three bytes of ISO 14229 and SAE J2012: two for the code, one for the failure type (0 with OBD-II).
    "Diagnosis": (
        Signal("Diagnosis.Stored"),
        Signal("Diagnosis.Pending"),
        Signal("Diagnosis.Permanent"),
        *(Signal(f"Diagnosis.Code{number}") for number in range(1, DIAGNOSIS_CODES + 1)),
    ),
    "Privacy": (Signal("Privacy.State", choices=PRIVACY_STATES),),
    "Box": (
        Signal("Box.Temperature", scale=0.1, unit="degC"),
        Signal("Box.FreeDisk", unit="MB"),
        Signal("Box.Uptime", unit="s"),
    ),
    # Programs that the cloud gave the box (`agent.remote.programs`); times of day. A slot without one says nothing.
    CONDITIONING: tuple(
        signal
        for slot in SLOTS
        for signal in _program(
            CONDITIONING, slot, Signal("Start", unit="s"), Signal("Recurrence", choices={0: "None", 1: "Daily"})
        )
    ),
    CHARGING: (
        *(
            signal
            for slot in SLOTS
            for signal in _program(CHARGING, slot, Signal("Start", unit="s"), Signal("End", unit="s"))
        ),
        Signal(f"{CHARGING}.Next", unit="s"),
    ),
}
"""The messages and their signals, in the order of their payloads (`agent.devices.messages`)."""

RECEIVER_SIGNALS = DEVICES[RECEIVER]
