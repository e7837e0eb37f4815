"""What `forecast-eval design` prints: arms, balance, what can be found, the A/A check, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..online.balance import LARGE
from ..online.outcomes import period_name
from .console import wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.table import Table

    from ..online.aa import AACheck
    from ..online.plan import Plan
    from ..online.power import Detectable

ADJUSTED = {"none": "as it is", "cuped": "with CUPED", "did": "with DiD"}


def shown(plan: Plan) -> Iterator[Table | str]:
    """Tables and lines about a plan."""
    yield wrapped(_when(plan))
    yield _arms(plan)
    if plan.balance:
        yield _balance(plan)
    yield from _lengths(plan)
    for check in plan.aa:
        yield wrapped(_aa(check))
    yield from _hoped(plan)
    for note in plan.notes:
        yield wrapped(f"Note: {note}")


def next_steps(plan: Plan, path: Path) -> Iterator[str]:
    """What to do with the plan."""
    last, unit = period_name(plan.test_index[-1]), "store" if plan.config.design.unit == "switchback" else "unit"
    yield f"Plan: {path} ({plan.hash})"
    since = f", with rows from {period_name(plan.pre_index[0])} to {last}" if plan.pre else ""
    yield wrapped(
        f"Next: give every {unit} the arm that the plan says, from {period_name(plan.test_index[0])} to {last}; keep "
        f"the file as it is; then: forecast-eval analyze OUTCOMES --plan {path}{since}"
    )


def _when(plan: Plan) -> str:
    own, history = plan.config.design, plan.history
    left_out = f", {own.washout} of them wash-out" if own.washout and own.unit != "switchback" else ""
    blocks = f" in blocks of {own.block}, {own.washout} of each wash-out" if own.unit == "switchback" else ""
    before = "no pre-period"
    if plan.pre:
        first, last = (period_name(plan.pre_index[k]) for k in (0, -1))
        before = f"pre-period of {len(plan.pre)}, {first} to {last}"
    return (
        f"{plan.config.name}: {history.units} units, {own.assignment if own.unit != 'switchback' else 'switchback'}; "
        f"test of {len(plan.test)} periods{left_out}{blocks}, {period_name(plan.test_index[0])} to "
        f"{period_name(plan.test_index[-1])}; {before}; seed {plan.config.seed}."
    )


def _arms(plan: Plan) -> Table:
    what = "units x blocks" if plan.blocks else "units"
    table = _table("arm", "role", what, "share")
    total = sum(plan.counts.values())
    for k, (arm, count) in enumerate(plan.counts.items()):
        table.add_row(arm, "treatment" if k else "control", f"{count:,}", f"{count / total:.1%}")
    return table


def _balance(plan: Plan) -> Table:
    table = _table("before the test", "arm", plan.arms[0], "of the arm", "standardised difference")
    for row in plan.balance:
        mark = "  much" if abs(row.difference) > LARGE else ""
        table.add_row(row.name, row.arm, _number(row.control), _number(row.treatment), f"{row.difference:+.3f}{mark}")
    return table


def _lengths(plan: Plan) -> Iterator[Table | str]:
    """Minimum detectable effects: a line a metric and length, adjustments side by side."""
    adjusts = list(dict.fromkeys(row.adjust for row in plan.detectable))
    if not adjusts:
        return
    first = plan.detectable[0]
    heads = [head for adjust in adjusts for head in (ADJUSTED[adjust], "in windows")]
    table = _table("detectable", "periods", "mean", *heads, *(["ratio"] if len(adjusts) > 1 else []))
    for (metric, periods), rows in _grouped(plan.detectable).items():
        cells = [
            cell for row in rows for cell in (f"{row.relative:.1%}", f"{100 * row.lowest:.1f} to {row.highest:.1%}")
        ]
        ratio = [f"{rows[-1].effect / rows[0].effect:.2f}" if rows[0].effect else ""] if len(adjusts) > 1 else []
        table.add_row(metric, str(periods), _number(rows[0].value), *cells, *ratio)
    yield table
    most = max(row.windows for row in plan.detectable)
    yield wrapped(
        f"Detectable: the lift that a test finds with a probability of {first.power:.0%}, averaged over up to {most} "
        f"windows of history, and its range over them; {_level(plan)}."
    )


def _level(plan: Plan) -> str:
    """Level at which a primary metric is tested, and what Holm's method shares it among."""
    roles = {name: spec.role for name, spec in plan.config.metrics.items()}
    level = next((row.level for row in plan.detectable if roles[row.metric] == "primary"), plan.detectable[0].level)
    counts = (list(roles.values()).count("primary"), "primary metrics"), (len(plan.arms) - 1, "treatment arms")
    among = " and ".join(f"{count} {what}" for count, what in counts if count > 1)
    return f"level {level:.3g} for {among or 'the primary metric'}" + (", which share it" if among else "")


def _grouped(rows: tuple[Detectable, ...]) -> dict[tuple[str, int], list[Detectable]]:
    out: dict[tuple[str, int], list[Detectable]] = {}
    for row in sorted(rows, key=lambda row: row.periods):
        out.setdefault((row.metric, row.periods), []).append(row)
    return dict(sorted(out.items(), key=lambda item: [row.metric for row in rows].index(item[0][0])))


def _aa(check: AACheck) -> str:
    sound = "too often" if not check.is_sound else "seldom enough" if check.high < check.level else "as it should be"
    return (
        f"A/A, {check.metric} {ADJUSTED[check.adjust]}: of {check.draws} draws on history {check.rejected:.1%} "
        f"({check.low:.1%} to {check.high:.1%}) find an effect at {check.level:.3g} where nothing was done, {sound}; "
        f"p-values uniform: p {_odds(check.uniform)}; with the detectable effect added {check.power:.1%} "
        f"(+-{check.power_error:.1%}) find it."
    )


def _odds(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.2g}"


def _hoped(plan: Plan) -> Iterator[str]:
    share, own = plan.config.design.effect, plan.config
    adjust = "none" if own.analysis.adjust == "auto" else own.analysis.adjust
    for row in plan.detectable:
        if share is not None and row.adjust == adjust and row.periods == own.design.periods[0]:
            yield wrapped(
                f"An effect of {share:.1%} on {row.metric} is found with a probability of {row.power_at(share):.0%}; "
                f"{row.power:.0%} takes {row.units_needed(share):,} units in both arms, and there are {row.units:,}."
            )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.4g}"


def _table(*names: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for k, name in enumerate(names):
        left = k == 0 or name in {"arm", "role"}
        table.add_column(name, justify="left" if left else "right", overflow="fold")
    return table
