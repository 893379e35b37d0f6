"""A watch: what a monitor looks for, checked and ready to be evaluated."""

from __future__ import annotations

from functools import cached_property

import msgspec
from msgspec import UnsetType

from cloud_bridge.monitors.expression import Expression, ExpressionError, parse, verdict
from cloud_bridge.monitors.parameter import MonitorParameter
from cloud_bridge.monitors.subscription import check
from cloud_bridge.monitors.triggers import OfData, Test, compiled
from cloud_bridge.monitors.worlds import worlds
from cloud_bridge.shapes.bodies import RefusedBodyError


class Watch(msgspec.Struct, frozen=True, dict=True):
    tests: tuple[Test, ...]
    condition: Expression
    refresh_ms: int | None = None
    """How long until it is told again that the condition still holds; None: never."""

    @cached_property
    def data(self) -> tuple[str, ...]:
        """The data of its triggers, each once."""
        return tuple(dict.fromkeys(test.datum for test in self.tests if isinstance(test, OfData)))


def accepted(asked: MonitorParameter, *, insecure: bool = False) -> Watch:
    """What is asked for now. RefusedBodyError at its first fault, which may be one of what was accepted once: where it
    is sent to, and whether its condition can change, are judged by the settings and the clocks of the day. `insecure`:
    notifications may go by http."""
    check(asked, insecure=insecure)
    watched = watch(asked)
    always = verdict(watched.condition, worlds(watched.tests))
    if always is not None:
        raise RefusedBodyError("triggerParam.boolExp", f"the condition is always {str(always).lower()}")
    return watched


def watch(asked: MonitorParameter) -> Watch:
    """What `asked` watches. RefusedBodyError at its first fault."""
    names: list[str] = []
    for number, trigger in enumerate(asked.trigger_param.triggers):
        if trigger.name in names:
            why = f"`{trigger.name}` is the name of trigger {names.index(trigger.name)} already"
            raise RefusedBodyError(f"triggerParam.triggers[{number}].name", why)
        names.append(trigger.name)
    tests = tuple(
        compiled(trigger, f"triggerParam.triggers[{number}]")
        for number, trigger in enumerate(asked.trigger_param.triggers)
    )
    try:
        condition = parse(asked.trigger_param.bool_exp, names)
    except ExpressionError as error:
        raise RefusedBodyError("triggerParam.boolExp", str(error)) from None
    refresh_s = asked.subscribe_param.refresh_event
    return Watch(tests, condition, None if isinstance(refresh_s, UnsetType) else 1000 * refresh_s)
