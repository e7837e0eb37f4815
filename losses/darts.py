"""Business losses for Darts: `NLinearModel(..., loss_fn=BusinessLoss(Newsvendor(), UnitCosts(8, 2)))`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch

from .batch_costs import BatchCosts, CostColumns, hand_over_before_forward, own_families
from .costs import UnitCosts
from .torch import BusinessLoss as TorchBusinessLoss

try:
    from darts.models.forecasting.pl_forecasting_module import PLForecastingModule
    from darts.utils.serialization import add_safe_globals
except ImportError as missing:
    raise ImportError("losses.darts needs darts: pip install 'forecast-eval[darts]'") from missing

if TYPE_CHECKING:
    from .protocol import Loss

__all__ = ["BusinessLoss", "CostColumns"]


class BusinessLoss(torch.nn.Module):
    """A loss of this package as `loss_fn=` of a Darts torch model, without `likelihood=`.

    value = mean(loss) [currency per period], in the units of the series that the model is given. Do not put a `Scaler`
    before the model, because money is not scaled with it; `use_reversible_instance_norm=True` normalises inside the
    model and is undone before the loss. `sample_weight` of `fit` is importance: Darts sets `reduction` to "none" and
    takes mean(weight * loss), which is not divided by the sum of weights.

    loss : any object with the protocol `losses.Loss`.
    costs : UnitCosts of two numbers for all series, or CostColumns with two positions for a cost per series.

    **A cost per series** goes in as two static covariates of each series. A batch of Darts has no column names, so
    CostColumns holds positions among the static covariates, here of a frame with the columns underage, overage:

        series.with_static_covariates(pd.DataFrame({"underage": [9.0], "overage": [1.0]}))
        TiDEModel(..., loss_fn=BusinessLoss(Newsvendor(), CostColumns(0, 1)))

    The model must take static covariates (Darts' table of models says which; `NLinearModel` with
    `shared_weights=False`), and no `StaticCovariatesTransformer` may scale the costs. Costs that change over time are
    not possible here: future covariates have no names either, and each kind of model takes them differently.

    **Saving.** Import this file before `load`; give a loss class of your own to
    `darts.utils.serialization.add_safe_globals` too. Darts 0.48 forgets the loss of a model that it loads and would
    train on squared error: to train on, make the model anew with this loss and use `load_weights`.

    Raises
    ------
    TypeError, ValueError
        For costs that are neither, arrays or columns without position; at the first batch, for static covariates that
        are missing or scaled.

    >>> from losses import Newsvendor
    >>> forecast, demand = torch.tensor([[[7.0], [11.0]]]), torch.tensor([[[10.0], [10.0]]])
    >>> BusinessLoss(Newsvendor(), UnitCosts(8.0, 2.0))(forecast, demand)  # (24 + 2) / 2
    tensor(13.)
    """

    def __init__(self, loss: Loss, costs: UnitCosts | CostColumns, *, reduction: _Reduction = "mean") -> None:
        super().__init__()
        self.costs = BatchCosts(costs)
        if self.costs.columns is not None:
            _refuse_names(self.costs.columns)
        self._money = TorchBusinessLoss(loss, reduction="none")
        self.reduction = reduction

    def forward(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Cost [currency] of forecast `output` for `target`, (batch, horizon, components), units; reduced to ()."""
        if self.reduction == "none" and not self.costs.arrived():
            # before a fit with sample weights Darts asks for a loss of ones and zeros, to see its shape
            return torch.full_like(output, torch.nan)
        cost = self._money(output, target, costs=self.costs.now())
        return {"none": lambda: cost, "mean": cost.mean, "sum": cost.sum}[self.reduction]()  # type: ignore[no-any-return]

    def receive(self, statics: torch.Tensor | None) -> None:
        """Keep the costs of the batch at hand from its static covariates, (batch, components or 1, columns)."""
        columns = self.costs.columns
        if columns is None:
            return
        wanted = (int(columns.underage), int(columns.overage))
        width = 0 if statics is None else statics.shape[-1]
        if statics is None or max(wanted) >= width:
            raise ValueError(
                f"cost columns at {wanted} among {width} static covariates: give each series static covariates, "
                "and use a model that takes them"
            )
        underage, overage = (statics[:, None, :, column] for column in wanted)  # [batch, 1, component]
        self.costs.receive(underage, overage)


_Reduction = Literal["none", "mean", "sum"]


def _hand_over(model: torch.nn.Module, arguments: tuple[Any, ...]) -> None:
    for part in model.modules():
        if isinstance(part, BusinessLoss):
            part.receive(arguments[0].static_covariates)


def _refuse_names(columns: CostColumns) -> None:
    for position in (columns.underage, columns.overage):
        if not isinstance(position, int) or position < 0:
            raise ValueError(f"{columns} must hold positions among the static covariates, as in CostColumns(0, 1)")


# Darts loads from a file only what is known to be safe
add_safe_globals([BusinessLoss, BatchCosts, CostColumns, UnitCosts, TorchBusinessLoss, *own_families().values()])
hand_over_before_forward(PLForecastingModule, BusinessLoss, _hand_over)
