"""Each model at its best policy setting, and the settings that it was chosen from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..simulate import play_board

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ..simulate import Board, Ledger, Market, Outlooks, Policy
    from .boards import Boards
    from .comparison import Comparison


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """One model under every setting: `tried` on the cutoffs that choose, empty where there are none, and `final`."""

    tried: Mapping[Policy, Ledger]
    final: Mapping[Policy, Ledger]

    @property
    def chosen(self) -> Policy:
        """The setting that earned most when it was chosen, or in hindsight."""
        return _earns_most(self.tried or self.final)

    @property
    def ledger(self) -> Ledger:
        """The judged play under the chosen setting."""
        return self.final[self.chosen]


def play_settings(market: Market, boards: Boards, view: Outlooks, policies: Sequence[Policy]) -> Played:
    """Play one model's outlooks under every setting, on both boards."""
    tried = {} if boards.choosing is None else _play(market, boards, boards.choosing, view, policies)
    return Played(tried, _play(market, boards, boards.judged, view, policies))


def play_best(market: Market, boards: Boards, view: Outlooks, policies: Sequence[Policy]) -> Ledger:
    """Judged play of one model's outlooks under the setting that `play_settings` would choose.

    Where there is a board to choose on, the other settings are not played on the judged one.
    """
    if boards.choosing is not None:
        policies = [_earns_most(_play(market, boards, boards.choosing, view, policies))]
    ledgers = _play(market, boards, boards.judged, view, policies)
    return ledgers[_earns_most(ledgers)]


def _play(
    market: Market, boards: Boards, layout: Board, view: Outlooks, policies: Sequence[Policy]
) -> dict[Policy, Ledger]:
    ledgers = play_board(market, layout, view, policies)
    return {policy: boards.counted(layout, ledger) for policy, ledger in ledgers.items()}


def _earns_most(ledgers: Mapping[Policy, Ledger]) -> Policy:
    earned = {policy: _profit(ledger) for policy, ledger in ledgers.items()}
    return max(earned, key=lambda policy: earned[policy])


def settings_table(compare: Comparison, played: Mapping[str, Played], choosing: Board | None) -> pd.DataFrame:
    """One row a model and setting: KPIs, which was chosen, which was best, and which are efficient."""
    weeks = float("nan") if choosing is None else compare.weeks_of(choosing)
    rows = []
    for model, each in played.items():
        chosen, best = each.chosen, _earns_most(each.final)
        rows += [
            {
                "model": model, "policy": policy.name, "setting": policy.label, "knob": policy.knob,
                "chosen": policy == chosen, "best": policy == best, **compare.kpis(ledger),
                "profit_when_choosing": _profit(each.tried.get(policy)) / weeks,
            }
            for policy, ledger in each.final.items()
        ]  # fmt: skip
    table = pd.DataFrame(rows)
    return table.assign(efficient=efficient(table))


def _profit(ledger: Ledger | None) -> float:
    return float("nan") if ledger is None else float(ledger.profit[ledger.scored].sum())


def efficient(settings: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether a setting is on its model's service-cost frontier [row].

    It is where no other setting of the same model, of whatever policy, has a fill rate at least as high at a mismatch
    cost at least as low, and one of the two better. A setting without a fill rate is not.

    >>> table = pd.DataFrame({"model": "a", "fill_rate": [0.90, 0.95, 0.94], "mismatch_cost": [10.0, 14.0, 15.0]})
    >>> efficient(table)
    array([ True,  True, False])
    """
    model = pd.factorize(settings["model"])[0]
    fill, cost = (settings[name].to_numpy(dtype=float) for name in ("fill_rate", "mismatch_cost"))
    same = model[:, None] == model  # [row, rival]
    no_worse = (fill >= fill[:, None]) & (cost <= cost[:, None])
    better = (fill > fill[:, None]) | (cost < cost[:, None])
    return np.asarray(~np.isnan(fill) & ~(same & no_worse & better).any(axis=1))


def edges(settings: pd.DataFrame) -> list[str]:
    """Name the models whose setting lies at the edge of those that were tried: a better one may lie beyond."""
    ends = settings.groupby(["model", "policy"])["knob"].transform
    edge = (settings["knob"] == ends("min")) | (settings["knob"] == ends("max"))
    found = settings[edge & settings["chosen"] & (ends("size") > 1)]
    if found.empty:
        return []
    shown = ", ".join(f"{row.model} ({row.setting})" for row in found.itertuples())
    return [f"At the edge of the settings tried, so that a better one may lie beyond: {shown}."]
