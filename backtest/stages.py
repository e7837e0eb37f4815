"""In which order forecasters run: those that are fitted, then those that are made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .derived import Derived
from .faults import Fault, nearest, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from .forecaster import Forecaster
    from .windows import RollingWindows, Window


@dataclass(frozen=True, slots=True, eq=False)
class Stages:
    """Forecasters in their order, with the cutoffs that each is needed at.

    forecasters : by name, in the user's order.
    spans : the windows of the backtest.
    earlier : model -> the windows before them, in which it forecasts only to teach those that are made of it.
    order : derived forecasters, members first.
    """

    forecasters: Mapping[str, Forecaster | Derived]
    spans: tuple[Window, ...]
    earlier: Mapping[str, tuple[Window, ...]]
    order: tuple[str, ...]

    @classmethod
    def of(
        cls, forecasters: Mapping[str, Forecaster | Derived], windows: RollingWindows, calendar: pd.DatetimeIndex
    ) -> Stages:
        """Lay out who is needed when.

        Raises InputError for members that do not exist or go round in a circle, and for a history that is too short.
        """
        derived = {name: it for name, it in forecasters.items() if isinstance(it, Derived)}
        refuse([
            Fault("unknown-member", f"{name} is made of {member!r}, which is not a forecaster here",
                  f"forecasters.{name}", nearest(member, (n for n in forecasters if n != name)))
            for name, it in derived.items() for member in it.members if member not in forecasters
        ])  # fmt: skip
        order = _members_first(derived)
        need = dict.fromkeys(forecasters, 0)
        for name in reversed(order):
            for member in derived[name].members:
                need[member] = max(need[member], need[name] + derived[name].earlier(windows, calendar))
        before = {count: windows.before(calendar, count) for count in set(need.values())}
        return cls(forecasters, windows.over(calendar), {name: before[need[name]] for name in forecasters}, order)

    def base(self) -> Iterator[tuple[tuple[Window, ...], dict[str, Forecaster]]]:
        """Windows, and the forecasters to fit at them."""
        fitted = {name: it for name, it in self.forecasters.items() if not isinstance(it, Derived)}
        yield self.spans, fitted
        for name, it in fitted.items():
            if self.earlier[name]:
                yield self.earlier[name], {name: it}

    def derived(self) -> Iterator[tuple[str, Derived, tuple[Window, ...]]]:
        """Derived forecasters, members first, with all windows at which each is needed."""
        for name in self.order:
            it = self.forecasters[name]
            assert isinstance(it, Derived)
            yield name, it, (*self.earlier[name], *self.spans)

    @property
    def derivations(self) -> int:
        """Number of windows of all derived forecasters."""
        return sum(len(spans) for _, _, spans in self.derived())


def with_members(forecasters: Mapping[str, Forecaster | Derived], name: str) -> dict[str, Forecaster | Derived]:
    """A forecaster with those that it is made of, and theirs."""
    wanted = {name}
    for member in getattr(forecasters[name], "members", ()):
        wanted |= set(with_members(forecasters, member))
    return {own: it for own, it in forecasters.items() if own in wanted}


def _members_first(derived: Mapping[str, Derived]) -> tuple[str, ...]:
    order: list[str] = []

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            circle = " -> ".join((*above[above.index(name) :], name))
            refuse([Fault("circle", f"{circle}: a forecaster is made of itself", f"forecasters.{name}",
                          "leave one of them out")])  # fmt: skip
        if name in derived and name not in order:
            for member in derived[name].members:
                visit(member, (*above, name))
            order.append(name)

    for name in derived:
        visit(name, ())
    return tuple(order)
