"""The inventory loss: a stock simulator that can be differentiated, so that a network is trained on profit (torch)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

try:
    import torch
except ImportError as error:
    raise ImportError("losses.inventory needs torch: pip install 'forecast-eval[torch]'") from error

from torch import Tensor, nn
from torch.nn.functional import one_hot

from .costs import as_numpy
from .inventory_terms import KEEPS, MONEY, InventoryTerms, Stock

__all__ = ["InventoryFlows", "InventoryLoss", "InventoryTerms", "Policy", "Shelf", "Stock"]


@dataclass(frozen=True, slots=True, eq=False)
class Shelf:
    """Stock in the course of a play, as a policy may see it once the period's receipts are in.

    ages : [..., series, life] units by remaining life, those that expire first in front.
    due : [..., series, period] units in transit; the first arrive in the next period.
    """

    ages: Tensor
    due: Tensor

    @property
    def on_hand(self) -> Tensor:
        """Units in the shop [..., series]."""
        return self.ages.sum(-1)

    @property
    def position(self) -> Tensor:
        """Units on hand plus in transit [..., series]."""
        return self.on_hand + self.due.sum(-1)


@dataclass(frozen=True, slots=True, eq=False)
class InventoryFlows:
    """Units that moved, each [..., series, time]; on_hand is what is left at the end of a period, after expiry."""

    ordered: Tensor
    received: Tensor
    sold: Tensor
    lost: Tensor
    wasted: Tensor
    on_hand: Tensor


Policy = Callable[[int, Shelf], Tensor]
"""Gives a period's decision [..., series] from its position in time and the shelf after the receipts."""


class InventoryLoss(nn.Module):
    """Minus the profit of stocking by a network's decisions, one value a series and period [currency].

    A period's events are those of `forecast_eval.simulate.play`: receive, order, demand, sell the oldest first, expire
    and age, count; unmet demand is lost. Its money is that of the `Ledger`: price * sold - unit_cost * sold
    - (unit_cost - salvage) * wasted - holding * on_hand - goodwill * lost. What is left after the last period has cost
    its holding only, so a rollout is to be long against lead time plus shelf life.

    terms : prices and terms of supply.
    decision : "level", an order-up-to level of the inventory position (goods whose shelf life is not longer than
        their lead time stand alone: their position counts as 0); or "order", a quantity, below 0 taken as 0.

    Almost everywhere the gradient is exact. Where a level does not exceed the position nothing is ordered, and its
    gradient is 0. On the demo market, over 13 weeks, every series had a gradient for levels of a tenth to ten times
    recent demand when the start was stock for lead time plus review; at five times that stock a quarter had none for
    levels below it. So nothing is smoothed: start a rollout with little stock, let the network's output be positive
    and a multiple of recent demand, and begin from a network that was trained on pinball.
    At a tie of stock and demand one unit more is taken to sell, as in `Newsvendor`.

    Source: gradients through a simulated path are infinitesimal perturbation analysis, Glasserman and Tayur (1995),
    Sensitivity analysis for base-stock levels in multiechelon production-inventory systems, Management Science 41;
    as training of a network: Madeka et al. (2022), Deep inventory management, arXiv:2210.03137.

    >>> loss = InventoryLoss(InventoryTerms(price=[9.0], unit_cost=[4.0], holding=[0.5], lead_time=[1]))
    >>> level, demand = torch.tensor([[5.0]], requires_grad=True), torch.tensor([[2.0, 4.0, 1.0]])
    >>> lost_money = loss(level, demand, start=Stock([3.0]))
    >>> lost_money  # sold 2, 3 and 1; left 1, 0 and 1
    tensor([[ -9.5000, -15.0000,  -4.5000]], grad_fn=<NegBackward0>)
    >>> lost_money.sum().backward()
    >>> level.grad  # one unit more sells in the second period; it earns 5
    tensor([[-5.]])
    """

    lead_time: Tensor
    shelf_life: Tensor

    def __init__(self, terms: InventoryTerms, *, decision: Literal["level", "order"] = "level") -> None:
        super().__init__()
        if decision not in {"level", "order"}:
            raise ValueError(f"{decision=} must be 'level' or 'order'")
        self.decision = decision
        for name in MONEY:
            money = torch.as_tensor(as_numpy(getattr(terms, name)))
            self.register_buffer(
                name, money if money.ndim > 1 else money.reshape(-1, 1), persistent=False
            )  # [series, 1]
        life = as_numpy(terms.shelf_life).reshape(-1)
        periods = {
            "lead_time": as_numpy(terms.lead_time).reshape(-1),
            "shelf_life": np.where(np.isinf(life), KEEPS, life),
        }
        for name, values in periods.items():
            self.register_buffer(name, torch.as_tensor(values.astype(np.int64)), persistent=False)

    def forward(
        self, decisions: Tensor | Policy, demand: Tensor, *, start: Stock | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Minus the profit [..., series, time], currency; reduce it as you like.

        decisions : [..., series, time] units, or [..., series, 1] for one that stays; NaN in periods without a
            review. Or a function of period and `Shelf`, for a network that looks at the stock.
        demand : [..., series, time] units.
        start : units at the start; None is an empty shop.
        mask : [..., series, time] False where money does not count, such as a warm-up or the time before a launch;
            there, and only there, demand may be NaN: nobody asks.

        Raises ValueError for demand that is counted and not known, and for shapes that do not fit.
        """
        money = -self.profit(self.play(decisions, _asked(demand, mask), start=start))
        return money if mask is None else torch.where(mask.bool(), money, 0.0)

    def play(self, decisions: Tensor | Policy, demand: Tensor, *, start: Stock | None = None) -> InventoryFlows:
        """Let every series follow its decisions and meet its demand, which must be known: see `forward`."""
        self._refuse_shapes(demand)
        if isinstance(decisions, Tensor):
            if bool(decisions.isinf().any()):
                raise ValueError(
                    "decisions hold an infinite value; a level or an order is finite, or NaN without a review"
                )
            if bool(decisions.isnan().all()):
                raise ValueError("decisions are all NaN, so that nothing is ever ordered; has the network diverged?")
            demand = demand + decisions.new_zeros(decisions.shape).to(demand)  # to one shape
            decisions = decisions.expand(demand.shape)
        rules = _Rules.of(self.lead_time, self.shelf_life, demand)
        shelf, rows = rules.shelf(start, demand), []
        for t in range(demand.shape[-1]):
            shelf, received = rules.receive(shelf)
            decision = decisions[..., t] if isinstance(decisions, Tensor) else decisions(t, shelf)
            ordered = self._ordered(decision, rules, shelf)
            shelf, at_once = rules.place(shelf, ordered)
            shelf, sold, wasted = rules.issue(shelf, demand[..., t])
            rows.append((ordered, received + at_once, sold, demand[..., t] - sold, wasted, shelf.on_hand))
        return InventoryFlows(*(torch.stack(column, dim=-1) for column in zip(*rows, strict=True)))

    def profit(self, flows: InventoryFlows) -> Tensor:
        """Revenue minus the cost of goods sold, write-offs, holding and goodwill [..., series, time], currency."""
        price, cost, salvage, holding, goodwill = (self.get_buffer(name).to(flows.sold) for name in MONEY)
        goods = (price - cost) * flows.sold - (cost - salvage) * flows.wasted
        return goods - holding * flows.on_hand - goodwill * flows.lost

    def _ordered(self, decision: Tensor, rules: _Rules, shelf: Shelf) -> Tensor:
        wanted = decision
        if self.decision == "level":
            wanted = decision - torch.where(rules.alone, 0.0, shelf.position)
        return torch.where(decision.isnan(), 0.0, wanted.relu())

    def _refuse_shapes(self, demand: Tensor) -> None:
        if demand.ndim < 2 or 0 in demand.shape:
            raise ValueError(f"demand has shape {tuple(demand.shape)}; it must be [..., series, time], not empty")
        for name, terms in self.named_buffers():
            fits = demand.shape[-2:] if name in MONEY else demand.shape[-2:-1]
            if any(n not in {1, m} for n, m in zip(terms.shape[::-1], fits[::-1], strict=False)):
                raise ValueError(f"{name} has shape {tuple(terms.shape)}; demand is {(*demand.shape,)}")


@dataclass(frozen=True, slots=True, eq=False)
class _Rules:
    """How stock moves, in the type and on the device of the demand.

    fresh : [series, life] 1 where deliveries join; slot : [series, period] 1 where an order arrives, no 1 at lead time
    0; at_once, perishable, alone : [series].
    """

    fresh: Tensor
    slot: Tensor
    at_once: Tensor
    perishable: Tensor
    alone: Tensor

    @classmethod
    def of(cls, lead_time: Tensor, shelf_life: Tensor, like: Tensor) -> _Rules:
        lead, life = lead_time.to(like.device), shelf_life.to(like.device)
        perishable = life > KEEPS
        slot = one_hot(lead, int(lead.max()) + 1)[:, 1:]
        fresh = one_hot((life - 1).clamp(min=0))
        return cls(fresh.to(like), slot.to(like), lead == 0, perishable, perishable & (life <= lead))

    def shelf(self, start: Stock | None, demand: Tensor) -> Shelf:
        """Lay out the start; series of one shape share it."""
        on_hand = demand.new_zeros(()) if start is None else torch.as_tensor(start.on_hand).to(demand)
        due = demand.new_zeros((*demand.shape[:-1], max(1, self.slot.shape[-1])))
        if start is not None and start.in_transit is not None:
            transit = torch.as_tensor(start.in_transit).to(demand)
            due = nn.functional.pad(due, (0, max(0, transit.shape[-1] - due.shape[-1])))
            due = due + nn.functional.pad(transit, (0, due.shape[-1] - transit.shape[-1]))
        return Shelf(on_hand.expand(demand.shape[:-1])[..., None] * self.fresh, due)

    def receive(self, shelf: Shelf) -> tuple[Shelf, Tensor]:
        arrived = shelf.due[..., 0]
        return Shelf(shelf.ages + arrived[..., None] * self.fresh, _shifted(shelf.due)), arrived

    def place(self, shelf: Shelf, ordered: Tensor) -> tuple[Shelf, Tensor]:
        """Put an order in transit, or at lead time 0 on the shelf."""
        at_once = torch.where(self.at_once, ordered, 0.0)
        ages = shelf.ages + at_once[..., None] * self.fresh
        later = ordered[..., None] * self.slot
        return Shelf(ages, shelf.due + nn.functional.pad(later, (0, shelf.due.shape[-1] - later.shape[-1]))), at_once

    def issue(self, shelf: Shelf, demand: Tensor) -> tuple[Shelf, Tensor, Tensor]:
        """Sell the oldest first, then let what has expired go; returns the shelf, units sold and units wasted."""
        upto = shelf.ages.cumsum(-1)  # units that expire no later than these
        stock = upto[..., -1]
        sold = torch.where(stock > demand, demand, stock)  # a tie: one more would sell
        left = (upto - demand[..., None]).relu()
        ages = torch.diff(left, dim=-1, prepend=torch.zeros_like(left[..., :1]))
        wasted = torch.where(self.perishable, ages[..., 0], 0.0)
        return Shelf(torch.where(self.perishable[..., None], _shifted(ages), ages), shelf.due), sold, wasted


def _shifted(units: Tensor) -> Tensor:
    """One period later."""
    return nn.functional.pad(units[..., 1:], (0, 1))


def _asked(demand: Tensor, mask: Tensor | None) -> Tensor:
    known = demand.isfinite() & (demand >= 0)
    bad = ~known if mask is None else ~known & mask.bool()
    if bool(bad.any()):
        place = tuple(bad.nonzero()[0].tolist())
        value = float(demand.expand(bad.shape)[place])
        raise ValueError(
            f"demand={value:g} in row {place[-2]}, period {place[-1]} must be finite and >= 0 [units]; "
            f"{int(bad.sum())} such value(s). Before a launch give mask=~demand.isnan()"
        )
    return torch.where(known, demand, 0.0)
