"""Published data on the vehicle, where events and the state need them: those that have names or truth values."""

from __future__ import annotations

from agent.plan.events import Evaluate
from contract.evaluation import Lookup, Value
from contract.profile.data import Mapping


def datum(mapping: Mapping) -> Evaluate:
    """The published value by the newest values of signals. A number from one signal is left in the database's unit."""
    source, expression, table = mapping.source, mapping.expression, mapping.values

    def evaluate(lookup: Lookup) -> Value | None:
        value = None
        if source is not None:
            value = lookup(source)
        elif expression is not None:
            value = expression(lookup)
        return table.get(str(value)) if table and value is not None else value

    return evaluate
