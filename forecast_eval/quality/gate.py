"""All rules on the data of a run: what they find, how severe it is, and whether the run may go on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from backtest.faults import summary
from backtest.periods import moment

from . import panel as across
from . import prices as money
from .block import blocks
from .hit import Finding
from .reach import short_history
from .shifts import level_shifts
from .silences import long_leading_zeros, never_sold, stale_tails
from .values import constant, extreme_values, mostly_hidden, sold_out_of_stock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from backtest import Fault, Window

    from ..config import Config
    from ..config.quality import Quality
    from ..read import Inputs
    from .block import Block
    from .hit import Hit

OF_SERIES: Mapping[str, Callable[[Block, Any], Iterable[Hit]]] = {
    "extreme_value": extreme_values,
    "stale_tail": stale_tails,
    "leading_zeros": long_leading_zeros,
    "level_shift": level_shifts,
    "never_sold": never_sold,
    "constant": constant,
    "censored_share": mostly_hidden,
    "sold_out_of_stock": sold_out_of_stock,
}
OF_PANEL: Mapping[str, Callable[[across.Panel, Any], Iterable[Hit]]] = {
    "censored_share": across.hidden_share,
    "sold_out_of_stock": across.sold_while_out,
    "empty_period": across.empty_periods,
    "unfinished_end": across.unfinished_end,
    "ends_together": across.ends_together,
    "identical_series": across.identical_series,
    "similar_ids": across.similar_ids,
}
OF_PRICES: Mapping[str, Callable[[money.Prices, Any], Iterable[Hit]]] = {
    "price_jump": money.price_jumps,
    "markup": money.odd_markups,
    "below_cost": money.sold_below_cost,
    "holding_cost": money.dear_holding,
    "prices_end": money.prices_end,
    "no_overlap": money.no_overlap,
}


class GateError(Exception):
    """The data keep to their contract, and are too odd to go on with; `faults` says why."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(summary(self.faults)))


def judged(config: Config, inputs: Inputs, windows: Sequence[Window] = ()) -> Inputs:
    """Inputs whose warnings are judged by the config, and whose data are searched by every rule that is not off.

    windows : cutoffs of the backtest; without them nobody asks how far back a forecaster looks.
    """
    reading = config.quality.reading
    told = [(fault, reading.get(fault.rule, "warning")) for fault in inputs.warnings]  # type: ignore[call-overload]
    notes = [replace(fault, severity=severity) for fault, severity in told if severity != "off"]
    hits = list(_hits(config.quality, inputs))
    rule = config.quality.short_history
    if windows and rule.severity != "off":
        hits += [("short_history", hit) for hit in short_history(inputs.history, windows, config, rule)]
    order = {name: k for k, name in enumerate(type(config.quality).model_fields)}
    hits.sort(key=lambda found: order[found[0]])  # stable: of one rule by series
    return replace(inputs, warnings=(*notes, *(_finding(name, hit, config.quality, inputs) for name, hit in hits)))


def stop(inputs: Inputs) -> Inputs:
    """Give back inputs that are good enough.

    Raises GateError with every warning that is an error by the config.
    """
    errors = [fault for fault in inputs.warnings if fault.severity == "error"]
    if errors:
        raise GateError(errors)
    return inputs


def _hits(quality: Quality, inputs: Inputs) -> Iterable[tuple[str, Hit]]:
    def asked(rules: Mapping[str, Callable[[Any, Any], Iterable[Hit]]], data: object) -> Iterable[tuple[str, Hit]]:
        for name, find in rules.items():
            rule = getattr(quality, name)
            if rule.severity != "off":
                yield from ((name, hit) for hit in find(data, rule))

    history = inputs.history
    whole = across.Panel(history.calendar, history.unique_ids)
    for block in blocks(history):
        whole.add(block)
        for name, hit in asked(OF_SERIES, block):
            assert hit.series is not None
            yield name, replace(hit, series=block.first + hit.series)
    yield from asked(OF_PANEL, whole)
    yield from asked(OF_PRICES, money.Prices(inputs.economics, history))


def _finding(name: str, hit: Hit, quality: Quality, inputs: Inputs) -> Finding:
    history, places = inputs.history, inputs.places
    place = hit.place or places.source
    if hit.place is None and hit.series is not None and hit.time is not None:
        place = places.place(hit.series, hit.time)
    uid = hit.unique_id if hit.series is None else str(history.unique_ids[hit.series])
    ds = None if hit.time is None else moment(history.calendar[hit.time])
    return Finding(name, hit.what, place, hit.fix, getattr(quality, name).severity, unique_id=uid, ds=ds)
