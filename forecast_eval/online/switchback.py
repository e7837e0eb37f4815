"""Switchbacks: units change their arm from block to block, and are compared with themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from backtest.faults import Fault, refuse

from ..inference import Interval
from .arms import SAME
from .effect import Effect, Method
from .fieller import lift_ends, lift_error
from .linear import least_squares
from .ratio_check import ratio_check
from .reading import Analysis, Times
from .samples import means_of
from .tails import log10_student
from .trial import FEWEST_UNITS, arms_of, labels_of, position
from .unit_level import linearised
from .verdicts import BIAS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ..config.experiment import ExperimentConfig
    from .metric import OnlineMetric
    from .outcomes import Outcomes
    from .plan import Plan
    from .reading import Reading

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

HOW = (
    "a row is a store and block after its wash-out; what is a store's own and what is a block's own is taken out, and "
    "standard errors are clustered by store"
)


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """A switchback, laid out.

    arms : names, the control first. planned : [arm] units times blocks that each was to have, or shares.
    code : [unit, block] arm, -1 where there is none. spans : [block] positions of its first period and of the one after
        its last. washout : first periods of each block that are left out.
    """

    arms: tuple[str, ...]
    planned: Floats
    code: Ints
    spans: tuple[tuple[int, int], ...]
    washout: int
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> Ints:
        """Units times blocks of each arm that are read [arm]."""
        return np.bincount(self.code[self.code >= 0], minlength=len(self.arms))


def analyze_switchback(outcomes: Outcomes, experiment: ExperimentConfig | Plan) -> Analysis:
    """Read a switchback; see `analysis.analyze`.

    Raises InputError with every fault of arms and dates: an arm that changes within a block, another arm than planned,
    a treatment before the start, an arm that fewer than two units were ever in.
    """
    from .analysis import effect_notes, metrics_in, read_each, reading_of, with_adjusted_p
    from .plan import Plan

    config = experiment.config if isinstance(experiment, Plan) else experiment
    blocks = blocks_of(outcomes, experiment)
    blank = _blank(outcomes, blocks, config)
    if blank.is_refused:
        return blank
    asked = config.analysis
    if asked.adjust != "auto" or asked.inference != "cluster" or asked.sequential:
        refuse([Fault("switchback", f"adjust={asked.adjust!r}, inference={asked.inference!r}, "
                      f"sequential={asked.sequential} are not for a switchback", "analysis",
                      "leave them out: a store is its own control, and errors are clustered by store")])  # fmt: skip

    def reading(metric: OnlineMetric, arm: int) -> Reading:
        found = block_effect(outcomes, blocks, metric, arm, confidence=asked.confidence)
        return reading_of(metric, blocks.arms[arm], found)

    readings, unread = read_each(
        (metric, f"{metric.name} of {blocks.arms[arm]}", partial(reading, metric, arm))
        for metric in metrics_in(outcomes, config) for arm in range(1, len(blocks.arms))
    )  # fmt: skip
    return replace(
        blank, readings=with_adjusted_p(readings), notes=(*blank.notes, *effect_notes(readings), *unread),
    )  # fmt: skip


def block_effect(
    outcomes: Outcomes, blocks: Blocks, metric: OnlineMetric, arm: int, *, confidence: float = 0.95
) -> Effect:
    """Effect of an arm: least squares on arm, unit and block, with CR2 errors clustered by unit.

    Unit effects are taken out by taking each row from its unit's mean, which leaves coefficients and CR2 errors as they
    are (Pustejovsky and Tipton 2018, J. of Business & Economic Statistics 36). A ratio is linearised within its arm.

    Raises InputError where arm and block are one, as all units change together, and for a ratio without a denominator.
    """
    unit, block, treated, value, lost = _rows(outcomes, blocks, metric, arm)
    cells = np.stack([~treated, treated, *(block == b for b in np.unique(block)[1:])], axis=1).astype(np.float64)
    within, own = _within(cells, unit), _within(value[:, None], unit)[:, 0]
    within[:, :2] += cells[:, :2].mean(axis=0)
    if np.linalg.matrix_rank(within) < within.shape[1]:
        what = (
            f"what {blocks.arms[arm]} does cannot be told from what its blocks of time do: units change arms together"
        )
        refuse([Fault("together", what, "sample", "let some units be in each arm in every block")])
    fit = least_squares(within, own + value.mean(), clusters=unit)
    contrast = np.zeros(cells.shape[1])
    contrast[:2] = -1.0, 1.0
    arms, noise = fit.coefficients[:2], fit.covariance[:2, :2]
    freedom, tiny = fit.freedom(contrast), SAME * float(np.abs(value).max())
    error, gap = (own if abs(own) > tiny else 0.0 for own in (fit.error(contrast), fit.estimate(contrast)))
    q = _quantile(confidence, freedom)
    units = (len(np.unique(unit[~treated])), len(np.unique(unit[treated])))
    shown = (confidence, int(unit.max()) + 1, len(blocks.spans))
    low, high = lift_ends(arms, noise, q)
    lift = float(arms[1] / arms[0] - 1) if arms[0] > 0 else float("nan")
    log10_p = log10_student(gap / error, freedom) if error > 0 else float("nan")
    return Effect(
        float(arms[0]), float(arms[1]), Interval(gap, gap - q * error, gap + q * error, *shown, error, freedom),
        Interval(lift, low, high, *shown, lift_error(arms, noise), freedom), float(10**log10_p), log10_p, units,
        Method("none", "cluster", confidence),
        (f"{lost} rows of store and block lack values and are left out",) if lost else (),
    )  # fmt: skip


def _rows(outcomes: Outcomes, blocks: Blocks, metric: OnlineMetric, arm: int) -> tuple[Ints, Ints, Flags, Floats, int]:
    """Unit, block, whether treated, and value of each row of a unit and block; and how many rows have no value."""
    parts = [
        means_of(outcomes.values, metric, slice(None), slice(first + blocks.washout, last))
        for first, last in blocks.spans
    ]
    value = np.stack([part[0] for part in parts], axis=1)  # [unit, block]
    has = np.isfinite(value)
    chosen = (blocks.code == 0) | (blocks.code == arm)
    unit, block = np.nonzero(chosen & has)
    treated = blocks.code[unit, block] == arm
    numbers = value[unit, block]
    if metric.denominator is not None:
        exposure = np.stack([part[1] for part in parts if part[1] is not None], axis=1)[unit, block]
        weights = np.where(treated, 1 / max(1, treated.sum()), 1 / max(1, (~treated).sum()))
        for name, own in zip((blocks.arms[0], blocks.arms[arm]), (~treated, treated), strict=True):
            if not exposure[own].sum() > 0:
                refuse([Fault("no-exposure", f"the exposure of {name} adds up to {exposure[own].sum():g}", "sample",
                              "a ratio needs a denominator above 0")])  # fmt: skip
        numbers = linearised(numbers, exposure, weights, treated)
    codes = np.unique(unit, return_inverse=True)[1]
    return codes, block, treated, numbers, int((chosen & ~has).sum())


def _within(columns: Floats, unit: Ints) -> Floats:
    """Columns [row, k] less their means within each unit."""
    sums = np.zeros((int(unit.max()) + 1, columns.shape[1]))
    np.add.at(sums, unit, columns)
    return np.asarray(columns - (sums / np.bincount(unit)[:, None])[unit])


def _quantile(confidence: float, freedom: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + confidence) / 2))


def blocks_of(outcomes: Outcomes, experiment: ExperimentConfig | Plan) -> Blocks:
    """Lay out the blocks of a plan, or those that the outcomes show."""
    from .plan import Plan

    plan = experiment if isinstance(experiment, Plan) else None
    config = experiment.config if isinstance(experiment, Plan) else experiment
    arms = arms_of(outcomes, config) if plan is None else {arm: float(n) for arm, n in plan.counts.items()}
    labels = None if outcomes.arm is None else labels_of(outcomes, arms)
    first, wanted = _begun(outcomes, config, labels) if plan is None else (
        position(outcomes, plan.test_index[0], "the plan's test"), len(plan.test)
    )  # fmt: skip
    spans = _spans(first, min(first + wanted, len(outcomes.periods)), config.design.block)
    shown = _shown(outcomes, labels, spans)
    code = shown[0] if plan is None else _planned(outcomes, plan, len(spans))
    faults = [*shown[1], *_against(outcomes, code, shown[0], spans, tuple(arms)), *_early(outcomes, labels, first)]
    blocks = Blocks(
        tuple(arms), np.array(list(arms.values())), code, spans, config.design.washout, _notes(spans, wanted, config)
    )
    faults += _lonely(blocks)
    refuse(faults)
    return blocks


def _begun(outcomes: Outcomes, config: ExperimentConfig, labels: Ints | None) -> tuple[int, int]:
    """Position of the first period of the test, and how many it was to have; without a plan, all that there are."""
    assert labels is not None  # arms_of refuses outcomes without arms
    said, start = "periods" in config.design.model_fields_set, config.design.start
    first = int((labels >= 0).any(axis=0).argmax()) if start is None else position(outcomes, start, "design.start")
    return first, config.design.periods[0] if said else len(outcomes.periods) - first


def _spans(first: int, last: int, length: int) -> tuple[tuple[int, int], ...]:
    """Whole blocks of the test; a block that has only begun is not read."""
    whole = (last - first) // length
    if whole < 2:
        refuse([Fault("blocks", f"{last - first} periods hold {whole} whole blocks of {length}", "design.block",
                      "a switchback needs two or more")])  # fmt: skip
    return tuple((first + k * length, first + (k + 1) * length) for k in range(whole))


def _shown(outcomes: Outcomes, labels: Ints | None, spans: tuple[tuple[int, int], ...]) -> tuple[Ints, list[Fault]]:
    """Arm of each unit and block by the outcomes [unit, block], -1 without; units that change within a block."""
    if labels is None:
        return np.full((len(outcomes.units), len(spans)), -1, dtype=np.int64), []
    code = np.stack([labels[:, a:b].max(axis=1) for a, b in spans], axis=1)
    faults = []
    for k, (a, b) in enumerate(spans):
        odd = (labels[:, a:b] >= 0) & (labels[:, a:b] != code[:, [k]])
        for unit in np.flatnonzero(odd.any(axis=1)):
            period = a + int(odd[unit].argmax())
            faults.append(Fault("two-arms", f"unit {outcomes.units[unit]} changes its arm within the block from "
                                f"{outcomes.called(a)} to {outcomes.called(b - 1)}",
                                outcomes.place(int(unit), period, "arm"),
                                "correct the arm, design.block or design.start"))  # fmt: skip
    return code, faults


def _planned(outcomes: Outcomes, plan: Plan, blocks: int) -> Ints:
    """Planned arm of each unit and block [unit, block]; -1 for units that are not in the plan."""
    code = np.full((len(outcomes.units), blocks), -1, dtype=np.int64)
    planned = plan.blocks
    for unit, name in enumerate(outcomes.units):
        own = planned.get(name, ())[:blocks]
        code[unit, : len(own)] = [plan.arms.index(arm) for arm in own]
    return code


def _against(
    outcomes: Outcomes, code: Ints, shown: Ints, spans: tuple[tuple[int, int], ...], arms: tuple[str, ...]
) -> Iterator[Fault]:
    for unit, block in np.argwhere((shown >= 0) & (code >= 0) & (shown != code)):
        period = spans[block][0]
        yield Fault("other-arm", f"unit {outcomes.units[unit]} is in arm {arms[shown[unit, block]]} from "
                    f"{outcomes.called(period)} on, and the plan has it in {arms[code[unit, block]]}",
                    outcomes.place(int(unit), period, "arm"),
                    "read the outcomes by the arm that was planned")  # fmt: skip


def _early(outcomes: Outcomes, labels: Ints | None, first: int) -> Iterator[Fault]:
    for unit, period in np.argwhere(labels[:, :first] > 0) if labels is not None else ():
        yield Fault("early", f"unit {outcomes.units[unit]} is treated in {outcomes.called(period)}, before the test "
                    f"begins at {outcomes.called(first)}", outcomes.place(int(unit), int(period), "arm"),
                    "correct the arm, or the start")  # fmt: skip


def _lonely(blocks: Blocks) -> Iterator[Fault]:
    for k, name in enumerate(blocks.arms):
        units = int((blocks.code == k).any(axis=1).sum())
        if units < FEWEST_UNITS:
            yield Fault("lonely-arm", f"arm {name} has {units} unit{'s' if units != 1 else ''}", "arms",
                        f"every arm needs {FEWEST_UNITS} or more at some time")  # fmt: skip


def _notes(spans: tuple[tuple[int, int], ...], wanted: int, config: ExperimentConfig) -> tuple[str, ...]:
    from .agreement import interim_words

    measured = len(spans) * config.design.block
    late = (interim_words(measured, wanted),) if measured < wanted - config.design.block + 1 else ()
    washed = config.design.washout
    left = f"the first {washed} periods of every block of {config.design.block} are left out" if washed else (
        "no wash-out: the first periods of a block still sell what the block before has left"
    )  # fmt: skip
    return (HOW, left, *late)


def _blank(outcomes: Outcomes, blocks: Blocks, config: ExperimentConfig) -> Analysis:
    from .analysis import every_of

    first, last = blocks.spans[0][0], blocks.spans[-1][1]
    return Analysis(
        name=config.name, unit="switchback", arms=dict(zip(blocks.arms, blocks.counts.tolist(), strict=True)),
        planned=dict(zip(blocks.arms, blocks.planned.tolist(), strict=True)),
        ratio=ratio_check(blocks.counts.tolist(), blocks.planned.tolist()),
        times=Times(every_of(outcomes.periods), outcomes.called(first), outcomes.called(last - 1), last - first,
                    blocks.washout, None, None, 0),
        confidence=config.analysis.confidence, notes=(BIAS["switchback"], *blocks.notes), warnings=outcomes.warnings,
    )  # fmt: skip
