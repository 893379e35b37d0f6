from __future__ import annotations

from tests.cloud_bridge.records.flows import at, fold, here, stretch


def test_an_alert_lasts_from_the_moment_it_comes_on_to_the_moment_it_goes_off() -> None:
    messages = [
        at(0, here(0, 2.0), alert__FuelLevelLow=False),
        at(9.124, alert__FuelLevelLow=True),
        at(10, here(10, 2.001), alert__FuelLevelLow=True),
        at(20, here(20, 2.002)),
        at(29.5, alert__FuelLevelLow=False),
        at(30, here(30, 2.003), alert__FuelLevelLow=False),
    ]
    (alert,) = fold([stretch(messages)]).alerts.values()
    assert (alert.type, alert.started_at_ms, alert.ended_at_ms) == ("FuelLevelLow", 9124, 29_500)
    assert (alert.start_position, alert.end_position) == (here(0, 2.0), here(20, 2.002))
    assert alert.updated_at_ms == 29_500


def test_a_position_of_the_same_moment_is_the_last_known_one() -> None:
    (alert,) = fold([stretch([at(0, here(0)), at(1, here(1, 2.001), alert__RiskOfIce=True)])]).alerts.values()
    assert alert.start_position == here(1, 2.001)


def test_an_alert_stays_open_while_the_vehicle_sleeps() -> None:
    asleep = stretch([at(0, alert__OilLevelLow=True)], until_s=60, asleep=True)
    records = fold([asleep, stretch([at(90_000, alert__OilLevelLow=True)])])
    (alert,) = records.alerts.values()
    assert alert.started_at_ms == 0
    assert alert.ended_at_ms is None
    assert list(records.history.alerts) == ["OilLevelLow"]


def test_each_time_it_comes_on_is_an_alert_of_its_own() -> None:
    messages = [at(second, alert__RiskOfIce=second % 2 == 0) for second in range(6)]
    alerts = fold([stretch(messages)]).alerts.values()
    assert [(alert.started_at_ms, alert.ended_at_ms) for alert in alerts] == [(0, 1000), (2000, 3000), (4000, 5000)]


def test_types_are_alerts_apart() -> None:
    messages = [at(0, alert__RiskOfIce=True, alert__FuelLevelLow=True), at(1, alert__RiskOfIce=False)]
    ends = {alert.type: alert.ended_at_ms for alert in fold([stretch(messages)]).alerts.values()}
    assert ends == {"RiskOfIce": 1000, "FuelLevelLow": None}


def test_an_alert_that_was_never_on_has_no_record() -> None:
    assert fold([stretch([at(0, alert__RiskOfIce=False), at(1, alert__RiskOfIce=False)])]).alerts == {}
