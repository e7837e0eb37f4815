"""Business losses for neuralforecast: `NHITS(h=3, input_size=12, loss=BusinessLoss(Newsvendor(), UnitCosts(8, 2)))`.

Importing this file registers `BusinessLoss` with neuralforecast, so that it can be saved and loaded, and lets its
models hand the costs of their batches to the loss. Import it before `NeuralForecast.load`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch

from .batch_costs import BatchCosts, CostColumns, hand_over_before_forward, own_families
from .costs import UnitCosts
from .torch import BusinessLoss as TorchBusinessLoss

try:
    from neuralforecast import register_loss
    from neuralforecast.common._base_model import BaseModel
    from neuralforecast.losses.pytorch import BasePointLoss
except ImportError as missing:
    raise ImportError("losses.neuralforecast needs neuralforecast: pip install 'forecast-eval[neural]'") from missing

if TYPE_CHECKING:
    from .protocol import Loss

    Saved = Mapping[str, Any]
    """A loss or its costs as plain data, which is all that a saved model may hold."""

__all__ = ["BusinessLoss", "CostColumns", "register"]

_THIRD_PARTY: dict[str, type] = {}


class BusinessLoss(torch.nn.Module):
    """A loss of this package as `loss=` or `valid_loss=` of any neuralforecast model that forecasts one number.

    value = sum(mask * loss) / sum(mask) [currency per period], in units of demand. neuralforecast trains its point
    losses on normalised demand, where a unit of a large series costs as much as a unit of a small one times the ratio
    of their scales. This loss calls itself a distribution, because distributions are handed the level and the scale of
    each window; what it "samples" is the forecast itself, in units.

    As `valid_loss=` next to another `loss=` it judges the point forecast (of a distribution: its mean), in units.
    `sample_weight` columns multiply the mask.

    loss : any object with the protocol `losses.Loss`.
    costs : UnitCosts of two numbers for all series, or CostColumns for a cost per series.

    **A cost per series** goes in as two static columns, named to the model and given to `fit` as `static_df`:

        NHITS(..., stat_exog_list=["underage", "overage"], loss=BusinessLoss(Newsvendor(), CostColumns()))

    Leave `local_static_scaler_type` unset then: it would scale the costs.

    **Local scalers.** `NeuralForecast(local_scaler_type=...)` divides each series by its scale before any model or loss
    sees it, and nothing tells them. With one cost for all and a loss that is linear in units the quantile stays right,
    but each series' money is divided by its scale; a loss with a width in units changes. Use the model's `scaler_type`
    instead, which this loss undoes.

    **Saving.** `NeuralForecast.save` and `load` work for the losses of this package; make one of your own known with
    `register`. Prediction intervals of neuralforecast's point losses (conformal) work; its explanations do not.

    Raises
    ------
    TypeError, ValueError
        For costs that are neither, or arrays; at the first batch, for cost columns that are missing or scaled.

    >>> from losses import Newsvendor
    >>> demand, forecast = torch.tensor([[[10.0], [10.0]]]), torch.tensor([[[7.0], [11.0]]])
    >>> BusinessLoss(Newsvendor(), UnitCosts(8.0, 2.0))(demand, forecast)  # (24 + 2) / 2
    tensor(13.)
    """

    def __init__(self, loss: Loss | Saved, costs: UnitCosts | CostColumns | Saved) -> None:
        super().__init__()
        self._family = _from_saved(loss)
        self._costs = BatchCosts(_costs_from_saved(costs))
        self._money = TorchBusinessLoss(self._family, reduction="mean")
        # what neuralforecast asks every loss
        self.outputsize_multiplier = 1
        self.output_names = [""]
        self.is_distribution_output = True
        self.return_params = False

    @property
    def loss(self) -> Saved:
        """The loss as plain data: neuralforecast saves a module by its arguments, read from attributes of that name."""
        return _to_saved(self._family)

    @property
    def costs(self) -> Saved:
        """The costs, or the names of their columns, as plain data."""
        given = self._costs.given
        return {"underage": given.underage, "overage": given.overage}

    def forward(self, y: torch.Tensor, distr_args: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Mean cost [currency]; y, distr_args (the forecast), mask : (windows, horizon, series), units."""
        return self._money(distr_args, y, costs=self._costs.now(), weight=mask)  # type: ignore[no-any-return]

    def domain_map(self, output: torch.Tensor) -> torch.Tensor:
        """The network's output as it is."""
        return output

    def scale_decouple(self, output: torch.Tensor, loc: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        """The forecast in units: output * scale + loc, of each window."""
        return output * scale + loc

    def get_distribution(self, distr_args: torch.Tensor, **_: object) -> SimpleNamespace:
        """A distribution that is all at its mean, the forecast in units."""
        return SimpleNamespace(mean=distr_args)

    def sample(
        self,
        distr_args: torch.Tensor,
        num_samples: int | None = None,  # noqa: ARG002 - neuralforecast's
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The forecast as sample and as mean, and no quantiles; each (windows, horizon, series, outputs)."""
        forecast = distr_args.unsqueeze(-1)
        # recurrent models read the mean from here
        self.distr_mean = distr_args.detach()
        return forecast, forecast, forecast[..., :0]

    def receive(self, model: Any, statics: torch.Tensor | None) -> None:  # noqa: ANN401 - neuralforecast has no types
        """Keep the costs of the windows at hand, (windows, static columns) or (series, static columns)."""
        if self._costs.columns is None:
            return
        embedded = model.stat_cat_exog_list
        names = [name for name in model.stat_exog_list if name not in embedded]
        underage, overage = self._costs.columns.positions(names, "stat_exog_list")
        if statics is None:
            raise ValueError("the batch has no static columns: give NeuralForecast.fit the costs as static_df")
        shape = (1, 1, -1) if model.MULTIVARIATE else (-1, 1, 1)
        self._costs.receive(statics[:, underage].reshape(shape), statics[:, overage].reshape(shape))


class _PointJudge(BasePointLoss):  # type: ignore[misc]
    """A BusinessLoss as neuralforecast's point loss, which is handed forecasts in units when it validates."""

    def __init__(self, priced: BusinessLoss) -> None:
        super().__init__(outputsize_multiplier=1, output_names=[""])
        self.priced = priced

    def forward(
        self,
        y: torch.Tensor,
        y_hat: torch.Tensor,
        mask: torch.Tensor | None = None,
        y_insample: torch.Tensor | None = None,  # noqa: ARG002 - neuralforecast's
    ) -> torch.Tensor:
        """Mean cost [currency]."""
        return self.priced(y, y_hat, mask)  # type: ignore[no-any-return]


def register(family: type) -> type:
    """Let models that were trained on a loss class of your own be saved and loaded; usable as a decorator.

    The class is a dataclass whose fields are plain data. Loading imports nothing that a file names.
    """
    _THIRD_PARTY[family.__name__] = family
    return family


def _hand_over(model: Any, arguments: tuple[Any, ...]) -> None:  # noqa: ANN401 - neuralforecast has no types
    for part in model.modules():
        if isinstance(part, BusinessLoss):
            part.receive(model, arguments[0]["stat_exog"])


def _judge_points(module: torch.nn.Module, name: str, child: torch.nn.Module | None) -> torch.nn.Module | None:
    """Put the point form in place of a valid_loss that is not the loss; neuralforecast would drop or refuse it."""
    if not isinstance(module, BaseModel) or name != "valid_loss" or not isinstance(child, BusinessLoss):
        return None
    return None if child is getattr(module, "loss", None) else _PointJudge(child)


def _to_saved(family: Loss) -> Saved:
    name = type(family).__name__
    names = getattr(family, "__dataclass_fields__", None)
    if names is None or _families().get(name) is not type(family):
        raise ValueError(
            f"{name} cannot be saved with a model: register the class, a dataclass, with losses.neuralforecast.register"
        )
    return {"family": name, "arguments": {field: getattr(family, field) for field in names}}


def _from_saved(loss: Loss | Saved) -> Loss:
    if not isinstance(loss, Mapping):
        return loss
    family = _families().get(loss["family"])
    if family is None:
        raise ValueError(
            f"this model was trained on {loss['family']}, which is not known here: "
            "register the class with losses.neuralforecast.register before loading"
        )
    return family(**loss["arguments"])  # type: ignore[no-any-return]


def _costs_from_saved(costs: UnitCosts | CostColumns | Saved) -> UnitCosts | CostColumns:
    if not isinstance(costs, Mapping):
        return costs
    return CostColumns(**costs) if isinstance(costs["underage"], str) else UnitCosts(**costs)


def _families() -> dict[str, type[Any]]:
    """Loss classes by name: this package's and the registered ones."""
    return own_families() | _THIRD_PARTY


register_loss(BusinessLoss)
hand_over_before_forward(BaseModel, BusinessLoss, _hand_over)
torch.nn.modules.module.register_module_module_registration_hook(_judge_points)  # type: ignore[arg-type]
