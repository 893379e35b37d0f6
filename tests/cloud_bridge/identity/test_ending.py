"""Certificates of broker, bridge and API that end soon are named before they do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cloud_bridge.identity.ending import EndingCertificates, of_services
from tests.cloud_bridge.identity.yard import Yard

TWO_YEARS = timedelta(days=730)


def test_what_ends_within_a_month_is_named_once_a_day(yard: Yard, caplog: pytest.LogCaptureFixture) -> None:
    began = datetime.now(UTC)
    moment = began
    looking = EndingCertificates(of_services(yard.settings), lambda: moment)

    def named(at: timedelta) -> list[str]:
        nonlocal moment
        moment = began + at
        caplog.clear()
        looking.look()
        return [record.getMessage() for record in caplog.records]

    day = timedelta(days=1)
    assert named(timedelta(0)) == []
    assert named(TWO_YEARS - 31 * day) == []
    soon = named(TWO_YEARS - 29 * day)
    files = [yard.folder / "identity" / "bridge.pem", yard.folder / "broker" / "broker.pem"]
    assert [said.startswith(f"{file} ends on ") for said, file in zip(soon, files, strict=True)] == [True, True]
    assert named(TWO_YEARS - 29 * day + timedelta(hours=1)) == []
    assert len(named(TWO_YEARS - 27 * day)) == 2
    assert all("has ended on" in said for said in named(TWO_YEARS + day))


def test_what_is_no_certificate_is_not_its_matter(yard: Yard, caplog: pytest.LogCaptureFixture) -> None:
    (yard.folder / "broker" / "broker.pem").write_text("nothing")
    (yard.folder / "identity" / "bridge.pem").unlink()
    EndingCertificates(of_services(yard.settings), lambda: datetime.now(UTC) + 2 * TWO_YEARS).look()
    assert caplog.records == []
