"""One experiment, ready to be asked: samples and effects of any metric, arm, segment and period."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from backtest.faults import InputError

from ..inference import Interval
from .arms import influence_of
from .effect import Method
from .estimate import effect
from .randomisation import Randomisation
from .samples import sample_of
from .strata import strata_of
from .unit_level import unit_level

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..config.experiment import ExperimentConfig
    from .effect import Adjust, Effect
    from .metric import OnlineMetric
    from .outcomes import Outcomes
    from .sample import Sample
    from .trial import Trial

    Flags = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """Outcomes, who was in which arm, and how to estimate."""

    outcomes: Outcomes
    trial: Trial
    config: ExperimentConfig

    @property
    def method(self) -> Method:
        """How effects are estimated; auto is CUPED where there is a pre-period."""
        asked = self.config.analysis
        adjust: Adjust = ("cuped" if self.trial.before else "none") if asked.adjust == "auto" else asked.adjust
        return Method(adjust, asked.inference, asked.confidence, asked.draws)

    @property
    def planned_periods(self) -> int:
        """Periods of the test after its wash-out, had it run to its end."""
        return max(1, self.trial.length - self.trial.washout)

    def units(self, arm: int) -> Ints:
        """Positions of the units of an arm and of the control, in the outcomes."""
        return np.flatnonzero((self.trial.code == 0) | (self.trial.code == arm))

    def effect(
        self, metric: OnlineMetric, arm: int, *, test: Flags | None = None, segment: tuple[str, str] | None = None
    ) -> Effect:
        """Effect of an arm on a metric, in the whole test or in some of its periods, on the whole or a segment.

        Units without a value are left out, and a note tells how many. Where the analysis is sequential, interval and
        p-value hold at every look.
        """
        method, periods = self.method, len(self.outcomes.periods)
        pre = None if method.adjust == "none" else self.trial.pre(periods)
        during = self.trial.test(periods) if test is None else test
        chosen, sample, notes = self._sample(metric, arm, (during, pre), segment)
        drawn = self._draws(chosen, arm, method)
        rng = np.random.default_rng(self.config.seed)
        fraction = float(during.sum()) / self.planned_periods if self.config.analysis.sequential else None
        found = effect(sample, method, assignments=drawn, rng=rng, fraction=fraction)
        return replace(found, notes=(*found.notes, *notes))

    def influence(self, metric: OnlineMetric, arm: int) -> tuple[Ints, Ints, Floats]:
        """What the noise of each unit adds to the values of the control and of an arm, as `effect` estimates them.

        Returns positions of the units in the outcomes [row], codes of what counts as one draw of noise (units, matched
        groups) [row], and the noise [row, 2]; see `arms.influence_of`.
        """
        periods = len(self.outcomes.periods)
        pre = None if self.method.adjust == "none" else self.trial.pre(periods)
        chosen, sample, _ = self._sample(metric, arm, (self.trial.test(periods), pre), None)
        strata = strata_of(sample)
        return chosen, strata.clusters, influence_of(unit_level(sample, self.method.adjust), strata, sample.treated)

    def gap(self, metric: OnlineMetric, arm: int, period: int) -> Interval:
        """Difference in one period, each unit from its own mean of the pre-period; NaN where too few have a row."""
        every = len(self.outcomes.periods)
        pre = self.trial.pre(every)
        method = Method("none" if pre is None else "did", "cluster", self.config.analysis.confidence)
        _, sample, _ = self._sample(metric, arm, (np.arange(every) == period, pre), None)
        try:
            return effect(replace(sample, stratum=None), method).difference
        except InputError:
            nan = float("nan")
            return Interval(nan, nan, nan, method.confidence, len(sample.value), 1)

    def values(self, metric: OnlineMetric, arm: int) -> tuple[tuple[str, ...], tuple[float, ...]]:
        """Units of one arm with their value per period of the test, or their own ratio."""
        units = np.flatnonzero(self.trial.code == arm)
        own = sample_of(
            self.outcomes, metric, treated=units >= 0, test=self.trial.test(len(self.outcomes.periods)), units=units
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            values = own.value if own.exposure is None else own.value / own.exposure
        kept = np.isfinite(values)
        return tuple(map(str, self.outcomes.units[units[kept]])), tuple(values[kept].tolist())

    def _sample(
        self, metric: OnlineMetric, arm: int, spans: tuple[Flags, Flags | None], segment: tuple[str, str] | None
    ) -> tuple[Ints, Sample, tuple[str, ...]]:
        """Units that have values, their sample, and how many have none."""
        chosen = self.units(arm)
        group = None if self.trial.group is None else self.trial.group[chosen]
        sample = sample_of(
            self.outcomes, metric, treated=self.trial.code[chosen] == arm, test=spans[0], pre=spans[1], units=chosen,
            stratum=group, segment=segment,
        )  # fmt: skip
        columns = (sample.value, sample.exposure, sample.before, sample.exposure_before)
        whole = np.all([np.isfinite(own) for own in columns if own is not None], axis=0)
        lost = int((~whole).sum())
        notes = (f"{lost} of {len(whole)} units lack rows and are left out",) if lost else ()
        return chosen[whole], part_of(sample, whole), notes

    def _draws(self, chosen: Ints, arm: int, method: Method) -> Flags | None:
        """Other assignments of these units that the design could have drawn [draw, unit]; None where nobody knows it.

        With more than two arms those of the pair are drawn again, given who is in neither.
        """
        if method.inference != "permutation" or self.trial.randomisation is None or self.trial.drawn is None:
            return None
        rng = np.random.default_rng(self.config.seed)
        whole = self.trial.randomisation
        if len(whole.shares) == 2:
            return np.asarray(whole.draw(rng, method.draws)[:, self.trial.drawn[chosen]] == 1)
        pair = self.units(arm)
        among = self.trial.drawn[pair]
        shares = whole.shares[[0, arm]] / whole.shares[[0, arm]].sum()
        balance = None if whole.balance is None else whole.balance[among]
        drawn = Randomisation(shares, whole.groups[among], balance, whole.accept).draw(rng, method.draws)
        return np.asarray(drawn[:, np.isin(pair, chosen)] == 1)


def part_of(sample: Sample, kept: Flags) -> Sample:
    """Give some of a sample's rows."""
    if kept.all():
        return sample
    columns = ("value", "treated", "exposure", "before", "exposure_before", "stratum", "cluster")
    own = {name: getattr(sample, name) for name in columns}
    return replace(sample, **{name: column[kept] for name, column in own.items() if column is not None})
