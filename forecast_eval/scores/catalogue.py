"""The catalogue: every metric by name, from YAML; a team's own beside those that come with the package."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from importlib.metadata import entry_points
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml

from backtest.faults import Fault, InputError, attempt, nearest, refuse

from ..config.read_yaml import read_yaml
from .entry import entry_of, metric_of, tree_of
from .external import GROUP
from .measures import Ratio

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from ..config import Score
    from ..simulate.kpis import Kpi
    from .entry import Entry
    from .metric import Metric

OWNER = "forecast-eval"
RETOLD = ("owner", "question", "limitations", "refresh", "findings")
"""What a team may say anew of a metric that comes with the package."""
NAME, RESERVED = re.compile(r"[A-Za-z]\w*"), "diff"
WITH_LEVEL = re.compile(r"^(?P<name>\w+?)_(?P<level>\d+(\.\d+)?|\.\d+)$")
PLACE = "score.metrics"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Metrics by name.

    folder : where modules of metrics are looked for too, after those that are installed.
    """

    metrics: Mapping[str, Metric]
    folder: Path | None = field(default=None, repr=False)

    def named(self, names: Iterable[str | Mapping[str, Any]], place: str = PLACE) -> tuple[Metric, ...]:
        """Metrics by name, or defined in place by a mapping with `name` and the keys of an entry.

        A central interval is named by its share in percent, a quantile by its level: coverage_80, pinball_0.9. The name
        of an entry point of the group `forecast_eval.metrics` is one too.

        Raises InputError with every fault: an unknown name with the nearest known one, one that stands twice, a level
        that lacks or has no use.

        >>> Catalogue(builtin()).named(["mase", "coverage_9O"])
        Traceback (most recent call last):
        ...
        backtest.faults.InputError: score.metrics: unknown metric 'coverage_9O'; did you mean 'coverage'?
        """
        faults: list[Fault] = []
        every = list(names)
        found = [attempt(partial(self._one, each, f"{place}.{n}", place), faults) for n, each in enumerate(every)]
        metrics = [metric for metric in found if metric is not None]
        called = [metric.name for metric in metrics]
        again = sorted({name for name in called if called.count(name) > 1})
        refuse(faults + [Fault("twice", f"{name!r} stands twice", place, "leave one out") for name in again])
        return tuple(metrics)

    def _one(self, asked: str | Mapping[str, Any], own_place: str, place: str) -> Metric:
        if not isinstance(asked, str):
            return self._in_place(dict(asked), own_place)
        metric = self.metrics.get(asked) or self._with_level(asked, place) or self._installed(asked, own_place)
        if metric is None:
            raise _fault("unknown-metric", f"unknown metric {asked!r}", place, nearest(asked, self.metrics))
        if metric.needs_level:
            raise _fault("no-level", f"{asked} is of an interval, and none is named", place,
                         f"write {asked}_80 for the central 80 %")  # fmt: skip
        return metric

    def _in_place(self, tree: dict[str, Any], place: str) -> Metric:
        name = tree.pop("name", None)
        if not isinstance(name, str):
            raise _fault("missing-key", "a metric that is defined in place needs a name", place, "add name")
        return _defined(name, entry_of(tree, place), self, place)

    def _with_level(self, name: str, place: str) -> Metric | None:
        match = WITH_LEVEL.match(name)
        base = self.metrics.get(match["name"]) if match else None
        if match is None or base is None:
            return None
        if not base.takes or not isinstance(base.measure, Ratio):
            raise _fault("level", f"{name!r}: {base.name} takes no level", place, f"write {base.name}")
        written = float(match["level"])
        level = written / 100 if base.takes == "interval" else written
        if not 0 < level < 1 or (base.takes == "interval" and written < 1):
            fix = (f"name the share in percent, as {base.name}_80" if base.takes == "interval"
                   else f"name the level of the quantile, as {base.name}_0.9")  # fmt: skip
            raise _fault("level", f"{name!r}: {match['level']} is no level of {base.name}", place, fix)
        said = f"the central {match['level']} %" if base.takes == "interval" else f"the {match['level']} quantile"
        return replace(base, name=name, formula=f"{base.formula}, of {said}", takes="",
                       measure=replace(base.measure, level=round(level, 9)))  # fmt: skip

    def at_level(self, name: str) -> Metric | None:
        """Metric at a level, as pinball_0.9; None for any other name. InputError for a level that it cannot have."""
        match = WITH_LEVEL.match(name)
        base = self.metrics.get(match["name"]) if match else None
        return self._with_level(name, PLACE) if base is not None and base.takes else None

    def _installed(self, name: str, place: str) -> Metric | None:
        """Metric of an entry point of this name."""
        if name not in installed():
            return None
        return metric_of(name, entry_of({"object": name}, place), place, folder=self.folder)


@lru_cache(maxsize=1)
def builtin() -> Mapping[str, Metric]:
    """Metrics of forecasts that come with the package."""
    return {name: metric for name, metric in _own(_tree()) if metric.source != "simulator"}


@lru_cache(maxsize=1)
def key_figures() -> Mapping[str, Metric]:
    """Key figures of the simulator; name, unit and formula are those of `forecast_eval.simulate.KPIS`."""
    from ..simulate.kpis import KPIS

    tree = _tree()
    named = {kpi.name: tree[kpi.name] | {"formula": kpi.formula, "unit": _unit(kpi)} for kpi in KPIS}
    return dict(_own(named))


def _unit(kpi: Kpi) -> str:
    weekly = kpi.unit in {"currency", "units"} and "not per week" not in kpi.formula
    return f"{kpi.unit} a week" if weekly else kpi.unit


@lru_cache(maxsize=1)
def _tree() -> Mapping[str, dict[str, Any]]:
    text = files(__package__).joinpath("catalogue.yaml").read_text(encoding="utf-8")
    tree: dict[str, dict[str, Any]] = yaml.safe_load(text)
    return tree


def _own(tree: Mapping[str, dict[str, Any]]) -> Iterable[tuple[str, Metric]]:
    for name, own in tree.items():
        if own.get("source") == "simulator" and "formula" not in own:
            continue
        place = f"catalogue.yaml, {name}"
        yield name, metric_of(name, entry_of({"owner": OWNER} | own, place), place)


def installed() -> Mapping[str, str]:
    """Metrics of other packages: name of the entry point -> object."""
    return {point.name: point.value for point in entry_points(group=GROUP)}


def catalogue(paths: Sequence[Path] = (), *, folder: Path | None = None) -> Catalogue:
    """Every metric there is: of forecasts, of the simulator, and those of a team's files.

    paths : YAML files of names and entries, see `Entry`. Of a metric that comes with the package they may say owner,
        question, limitations, refresh and findings anew; what it is and how it is computed is said once.
    folder : where modules of their metrics are looked for too; None takes the folder of each file.

    Raises InputError with every fault of every file.
    """
    known = Catalogue({**builtin(), **key_figures()}, folder)
    faults: list[Fault] = []
    for path in paths:
        known = attempt(partial(_extended, known, path, folder or path.parent), faults) or known
    refuse(faults)
    return known


def metrics_of(score: Score, folder: Path) -> tuple[Metric, ...]:
    """Metrics of a config, which are made of forecasts; folder : of the config, to which its paths are relative.

    Raises InputError with every fault of the catalogues; where they have none, with every fault of the names.
    """
    known = catalogue([folder / path for path in score.catalogue], folder=folder)
    return _of_forecasts(known.named(score.metrics))


def metrics_named(
    names: Iterable[str | Mapping[str, Any]], place: str = PLACE, *, known: Catalogue | None = None
) -> tuple[Metric, ...]:
    """Metrics of forecasts by name; see `Catalogue.named`.

    >>> [metric.unit for metric in metrics_named(["rmse", "pinball_0.9"])]
    ['units', 'units']
    """
    return _of_forecasts((known or Catalogue(builtin())).named(names, place), place)


def _of_forecasts(metrics: tuple[Metric, ...], place: str = PLACE) -> tuple[Metric, ...]:
    refuse([
        Fault("no-score", f"{m.name} is not made of forecasts: its source is {m.source}", place,
              "leave it out; `simulate` gives it" if m.source == "simulator" else "leave it out")
        for m in metrics if m.measure is None
    ])  # fmt: skip
    return metrics


def _extended(known: Catalogue, path: Path, folder: Path) -> Catalogue:
    faults: list[Fault] = []
    metrics = dict(known.metrics)
    for name, tree in read_yaml(path, "catalogue").items():
        own = attempt(partial(_told, str(name), tree, replace(known, folder=folder), f"{path}, {name}"), faults)
        if own is not None:
            metrics[str(name)] = own
    refuse(faults)
    return Catalogue(metrics, known.folder)


def _told(name: str, tree: Any, known: Catalogue, place: str) -> Metric:  # noqa: ANN401 - whatever the file holds
    """Metric of a team's entry."""
    return _defined(name, entry_of(tree, place), known, place)


def _defined(name: str, entry: Entry, known: Catalogue, place: str) -> Metric:
    """Metric of a name of its own, or one that is known with other words."""
    before = known.metrics.get(name)
    if before is not None:
        return _retold(before, entry, place)
    levelled = known.at_level(name)
    if levelled is not None:
        return _retold(levelled, entry, place)
    if not NAME.fullmatch(name) or name == RESERVED:
        raise _fault("bad-name", f"{name!r} cannot be the name of a metric", place,
                     "take letters, digits and _, and no word in use")  # fmt: skip
    return metric_of(name, entry, place, folder=known.folder)


def _retold(before: Metric, entry: Entry, place: str) -> Metric:
    """Words of a team on a metric that is known; what says the same as before may stand there, too."""
    given = entry.model_fields_set
    same = entry_of(tree_of(before), place)
    faults = [
        Fault("redefined", f"{key} of {before.name} is said already: one name has one definition", place,
              f"leave {key} out ({', '.join(RETOLD)} may be said anew), or give the metric a name of its own")
        for key in sorted(given - set(RETOLD)) if getattr(entry, key) != getattr(same, key)
    ]  # fmt: skip
    refuse(faults)
    return replace(before, **{key: getattr(entry, key) for key in RETOLD if key in given})


def _fault(rule: str, what: str, place: str, fix: str) -> InputError:
    return InputError([Fault(rule, what, place, fix)])
