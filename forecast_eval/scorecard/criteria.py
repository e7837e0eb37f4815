"""What a scorecard asks of each metric: its direction, its limit, and where 100 points are reached."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from backtest.faults import Fault, attempt, refuse

from ..config.scorecard import TOTAL
from ..scores.catalogue import Catalogue, catalogue

if TYPE_CHECKING:
    from pathlib import Path

    from ..config import Config, ScorecardMetric
    from ..scores import Metric

PLACE = "scorecard.metrics"
ABBREVIATIONS = frozenset({
    "crps", "fva", "gmroi", "mae", "mape", "mase", "rmse", "rmsse", "smape", "spec", "wape", "wrmsse", "wspl",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Criterion:
    """One metric of a scorecard.

    floor, ceiling : lowest and highest value between which points are earned, in the metric's unit; of the distance
        from 0 where 0 is best.
    axis, group : part of the panel that it is taken over.
    """

    metric: Metric
    weight: float
    floor: float
    ceiling: float
    axis: str = TOTAL[0]
    group: str = TOTAL[1]

    @property
    def label(self) -> str:
        """Name of the metric as people write it, and of its group where it is not over everything.

        >>> from forecast_eval.scores import metrics_named
        >>> Criterion(metrics_named(["wape"])[0], 1, 20, 60, "trend", "trending").label
        'WAPE (trending)'
        """
        first, *rest = self.metric.name.split("_")
        own = " ".join([first.upper() if first in ABBREVIATIONS else first, *rest])
        if (self.axis, self.group) == TOTAL:
            return own
        return f"{own} ({self.group})" if self.axis == "trend" else f"{own} ({self.axis} {self.group})"

    @property
    def limit(self) -> float:
        """The worse end, beyond which a model fails."""
        return self.floor if self.metric.direction == "higher" else self.ceiling

    @property
    def goal(self) -> float:
        """The better end, where 100 points are reached."""
        return self.ceiling if self.metric.direction == "higher" else self.floor

    def judged(self, value: float) -> float:
        """Value that is held against floor and ceiling: the distance from 0 where 0 is best."""
        return abs(value) if self.metric.direction == "zero" else value

    def breaks(self, value: float) -> bool:
        """Whether a value is beyond the limit; NaN is beyond nothing."""
        own = self.judged(value)
        return own < self.floor if self.metric.direction == "higher" else own > self.ceiling

    def breaks_within(self, low: float, high: float) -> bool:
        """Whether an interval reaches beyond the limit; one that is not known reaches nowhere."""
        return self.breaks(low) or self.breaks(high)

    def points(self, value: float) -> float:
        """Points of a value, 0 at the limit and beyond it, 100 at the goal and beyond it, linear between; NaN of NaN.

        >>> from forecast_eval.scores import metrics_named
        >>> wape = Criterion(metrics_named(["wape"])[0], weight=1, floor=20, ceiling=60)
        >>> [wape.points(value) for value in (10, 30, 60, 61)]
        [100.0, 75.0, 0.0, 0.0]
        """
        share = (self.judged(value) - self.limit) / (self.goal - self.limit)
        return 100.0 * min(1.0, max(0.0, share)) if share == share else share  # noqa: PLR0124 - NaN


def criteria_of(config: Config, base: Path) -> tuple[Criterion, ...]:
    """Criteria of a config's scorecard; () where it has none.

    base : folder of the config.

    Raises InputError with every fault: an unknown metric, one of no direction, an end that is missing, a floor that is
    not below the ceiling. Floors and ceilings that are left out: see `config.ScorecardMetric`.
    """
    if config.scorecard is None:
        return ()
    known = _known(config, base)
    faults: list[Fault] = []
    found = [
        attempt(partial(_criterion, known, spec, f"{PLACE}.{n}"), faults)
        for n, spec in enumerate(config.scorecard.metrics)
    ]
    refuse(faults)
    return tuple(criterion for criterion in found if criterion is not None)


def metrics_wanted(config: Config, base: Path) -> tuple[Metric, ...]:
    """Metrics of forecasts that the scorecard needs and `score.metrics` does not name: they are to be scored too."""
    named = set(config.score.names)
    wanted = (each.metric for each in criteria_of(config, base) if each.metric.source == "forecasts")
    return tuple({metric.name: metric for metric in wanted if metric.name not in named}.values())


def _known(config: Config, base: Path) -> Catalogue:
    """Metrics of the package, of the team's files, and those that `score.metrics` defines in place."""
    known = catalogue([base / path for path in config.score.catalogue], folder=base)
    own = known.named([each for each in config.score.metrics if not isinstance(each, str)])
    return Catalogue({**known.metrics, **{metric.name: metric for metric in own}}, base)


def _criterion(known: Catalogue, spec: ScorecardMetric, place: str) -> Criterion:
    (metric,) = known.named([spec.metric], place)
    floor, ceiling = _floor(metric, spec), _ceiling(metric, spec)
    refuse(_faults(metric, floor, ceiling, place))
    assert floor is not None
    assert ceiling is not None
    return Criterion(metric, spec.weight, floor, ceiling, spec.axis, spec.group)


def _floor(metric: Metric, spec: ScorecardMetric) -> float | None:
    return 0.0 if spec.floor is None and metric.direction in {"lower", "zero"} else spec.floor


def _ceiling(metric: Metric, spec: ScorecardMetric) -> float | None:
    """Ceiling; where higher is better that of all shares, but for an interval, which may hold too often."""
    if spec.ceiling is not None or metric.direction != "higher" or _level(metric) is not None:
        return spec.ceiling
    return {"share": 1.0, "%": 100.0}.get(metric.unit)


def _level(metric: Metric) -> float | None:
    """Level of a metric at a quantile or of a central interval."""
    level: float | None = getattr(metric.measure, "level", None)
    return level


def _faults(metric: Metric, floor: float | None, ceiling: float | None, place: str) -> list[Fault]:
    name, higher = metric.name, metric.direction == "higher"
    if metric.direction == "none":
        return [Fault("no-direction", f"{name} has no good end: more of it is neither better nor worse", place,
                      "leave it out, or take a metric that says why it matters")]  # fmt: skip
    faults = [_missing(metric, end, limit=(end == "floor") == higher, place=place)
              for end, value in (("floor", floor), ("ceiling", ceiling)) if value is None]  # fmt: skip
    if metric.direction == "zero" and floor is not None and floor < 0:
        faults.append(Fault("bad-value", f"floor {floor:g} of {name}: it is a distance from 0, which is best", place,
                            "give a floor of 0 or more, or none"))  # fmt: skip
    ratio = higher and metric.unit == "share" and metric.source == "simulator"
    if ratio and any(end is not None and end > 1 for end in (floor, ceiling)):
        faults.append(Fault("bad-value", f"{name} is a share, and never above 1", place, "write 0.95 for 95 %"))
    elif floor is not None and ceiling is not None and floor >= ceiling:
        faults.append(Fault("bad-value", f"floor {floor:g} of {name} is not below its ceiling {ceiling:g}", place,
                            "exchange them, or move one of them"))  # fmt: skip
    return faults


def _missing(metric: Metric, end: str, *, limit: bool, place: str) -> Fault:
    """Fault of an end that is not given and has no default."""
    better = "0 is best" if metric.direction == "zero" else f"{metric.direction} is better"
    role = "the limit beyond which a model fails" if limit else "where 100 points are reached"
    level = _level(metric)
    fix = f"add {end}, in {metric.unit or 'its unit'}"
    if level is not None and metric.unit == "%" and not limit:
        fix = f"add {end}: {100 * level:g}, what was promised"
    return Fault("missing-end", f"{metric.name} has no {end}, {role}: {better}", place, fix)
