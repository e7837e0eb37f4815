"""Business losses for pytorch-forecasting: `loss=BusinessLoss(Newsvendor(), UnitCosts(8, 2))` in any point model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from .batch_costs import BatchCosts, CostColumns, hand_over_before_forward
from .torch import BusinessLoss as TorchBusinessLoss

try:
    from pytorch_forecasting.metrics import MultiHorizonMetric
    from pytorch_forecasting.models import BaseModel
except ImportError as missing:
    message = "losses.pytorch_forecasting needs pytorch-forecasting: pip install 'forecast-eval[pytorch-forecasting]'"
    raise ImportError(message) from missing

if TYPE_CHECKING:
    import torch

    from .costs import UnitCosts
    from .protocol import Loss

__all__ = ["BusinessLoss", "CostColumns"]


class BusinessLoss(MultiHorizonMetric):  # type: ignore[misc]
    """A loss of this package as `loss=` or in `logging_metrics=` of a pytorch-forecasting model that forecasts points.

    value = sum(weight * loss) / number of periods [currency per period], in units of demand: the model undoes the
    target normalizer before the loss. `TimeSeriesDataSet(weight=...)` is importance; pytorch-forecasting divides by the
    number of periods, not by the sum of weights. Models of points are TemporalFusionTransformer, NHiTS, NBeats,
    DecoderMLP and RecurrentNetwork, each with `output_size=1`; DeepAR takes distributions only.

    loss : any object with the protocol `losses.Loss`.
    costs : UnitCosts of two numbers for all series, or CostColumns for costs per series or row.
    reduction : "mean", or "none" for a cost per period.
    name : the metric's name in logs.

    **Costs per series or row** are columns of the data, `static_reals` or `time_varying_known_reals`, without scaler:

        TimeSeriesDataSet(..., static_reals=["underage", "overage"], scalers={"underage": None, "overage": None})
        NHiTS.from_dataset(data, loss=BusinessLoss(Newsvendor(), CostColumns()))

    The loss may not be inside `MultiLoss` or a sum of metrics then, where the model cannot reach it.

    Raises
    ------
    TypeError, ValueError
        For costs that are neither, or arrays; at the first batch, for columns that are missing or scaled.

    >>> import torch
    >>> from losses import Newsvendor, UnitCosts
    >>> forecast, demand = torch.tensor([[[7.0], [11.0]]]), torch.tensor([[10.0, 10.0]])
    >>> BusinessLoss(Newsvendor(), UnitCosts(8.0, 2.0))(forecast, demand)  # (24 + 2) / 2
    tensor(13.)
    """

    def __init__(
        self,
        loss: Loss,
        costs: UnitCosts | CostColumns,
        *,
        reduction: Literal["mean", "none"] = "mean",
        name: str | None = None,
    ) -> None:
        super().__init__(reduction=reduction, name=name)
        self.costs = BatchCosts(costs)
        self._money = TorchBusinessLoss(loss, reduction="none")

    def loss(self, y_pred: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Cost [currency] of each period, (batch, horizon); y_pred (batch, horizon, 1) and target in units."""
        return self._money(self.to_prediction(y_pred), target, costs=self.costs.now())  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        """What the metric is made of; the library's own would print this object within itself."""
        return f"{self._money.loss!r}, {self.costs.given!r}"

    def receive(self, model: Any, batch: dict[str, torch.Tensor]) -> None:  # noqa: ANN401 - the library has no types
        """Keep the costs of the batch at hand, (batch, horizon), or (batch, 1) where they are static."""
        columns = self.costs.columns
        if columns is None:
            return
        positions = columns.positions(model.hparams.get("x_reals", []), "the model's reals")
        _refuse_scaled(columns, model.dataset_parameters or {})
        static = {columns.underage, columns.overage} <= set(model.hparams.get("static_reals", []))
        if not static and model.hparams.get("backcast_loss_ratio", 0) > 0:
            raise ValueError(f"{columns} change over time and price no backcast: set backcast_loss_ratio=0")
        horizon = slice(0, 1) if static else slice(None)
        underage, overage = (batch["decoder_cont"][:, horizon, position] for position in positions)
        self.costs.receive(underage, overage)


def _hand_over(model: Any, arguments: tuple[Any, ...]) -> None:  # noqa: ANN401 - the library has no types
    for part in model.modules():
        if isinstance(part, BusinessLoss):
            part.receive(model, arguments[0])


def _refuse_scaled(columns: CostColumns, dataset: dict[str, Any]) -> None:
    scalers = dataset.get("scalers") or {}
    scaled = [name for name in (columns.underage, columns.overage) if scalers.get(name, "standard") is not None]
    if scaled:
        unscaled = {str(name): None for name in scaled}
        raise ValueError(f"cost columns {scaled} are scaled before they reach the loss: give scalers={unscaled}")


hand_over_before_forward(BaseModel, BusinessLoss, _hand_over)
