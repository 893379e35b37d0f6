"""What the demo car's GNSS receiver writes: NMEA 0183, RMC and GGA once a second."""

from __future__ import annotations

from datetime import UTC, datetime

from demo.car import Car

GEOID_M = 48.2
"""Height of the geoid above the ellipsoid where the demo drives."""


def sentences(car: Car, at: datetime) -> list[str]:
    """The sentences of one second. Without a fix they carry neither position nor, before the first one, time."""
    if not car.fix:
        return [_checked("GPRMC,,V,,,,,,,,,,N"), _checked("GPGGA,,,,,,0,00,99.99,,,,,,")]
    at = at.astimezone(UTC)
    time = f"{at:%H%M%S}.{at.microsecond // 10_000:02d}"
    latitude = _angle(car.latitude, 2, "NS")
    longitude = _angle(car.longitude, 3, "EW")
    satellites = 9 + int(car.at_s / 40) % 4
    return [
        _checked(
            f"GPRMC,{time},A,{latitude},{longitude},{car.speed_kmh / 1.852:.2f},{car.heading_deg:.1f},{at:%d%m%y},,,A"
        ),
        _checked(f"GPGGA,{time},{latitude},{longitude},1,{satellites:02d},0.9,{car.altitude_m:.1f},M,{GEOID_M},M,,"),
    ]


def _angle(degrees: float, width: int, letters: str) -> str:
    minutes = abs(degrees) * 60
    return f"{int(minutes // 60):0{width}d}{minutes % 60:08.5f},{letters[0] if degrees >= 0 else letters[1]}"


def _checked(body: str) -> str:
    checksum = 0
    for character in body.encode("ascii"):
        checksum ^= character
    return f"${body}*{checksum:02X}\n"
