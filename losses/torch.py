"""Losses as a torch module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

try:
    import torch
except ImportError as missing:  # pragma: no cover - the test suite has torch
    raise ImportError("losses.torch needs torch: pip install 'forecast-eval[torch]'") from missing

from .costs import UnitCosts
from .newsvendor import Newsvendor
from .protocol import refuse_no_loss
from .quantiles import MultiQuantile

if TYPE_CHECKING:
    from torch import Tensor

    from .protocol import Loss

Reduction = Literal["none", "mean", "sum"]

LARGE = 1 << 18
"""Elements from which on the newsvendor loss of a tensor in main memory is compiled, in one pass instead of ten."""


class BusinessLoss(torch.nn.Module):
    """A loss in money as a torch criterion: `criterion(forecast, demand)`, in the order of torch's own losses.

    loss : any `losses.Loss` whose value is differentiable, such as `Newsvendor()` or `SmoothNewsvendor(0.5)`.
    costs : unit costs of every observation, numbers or arrays that broadcast to the demand; they move with the module
        to its device. None: each call brings its own.
    reduction : "mean" is sum(weight * loss) / sum(weight), "sum" is sum(weight * loss), "none" is weight * loss.

    float16 and bfloat16 are computed, and returned, in float32. The sum or mean of the newsvendor loss of a large
    tensor in main memory is compiled (`losses.kernel`); `torch.func` cannot look into it.

    Raises
    ------
    ValueError
        For a reduction that is none of these.

    >>> criterion = BusinessLoss(Newsvendor(), UnitCosts(8.0, 2.0))
    >>> criterion(torch.tensor([7.0, 12.0]), torch.tensor([10.0, 10.0]))
    tensor(14.)
    """

    def __init__(
        self, loss: Loss | None = None, costs: UnitCosts | None = None, *, reduction: Reduction = "mean"
    ) -> None:
        super().__init__()
        if reduction not in ("none", "mean", "sum"):
            raise ValueError(f"{reduction=} must be 'none', 'mean' or 'sum'")
        self.loss: Loss = Newsvendor() if loss is None else loss
        refuse_no_loss(self.loss)
        if not (costs is None or isinstance(costs, UnitCosts)):
            raise TypeError(f"costs={costs!r} must be UnitCosts(underage, overage)")
        self.reduction = reduction
        self.has_costs = costs is not None
        for name in ("underage", "overage"):
            cost = getattr(costs, name, None)
            if cost is None or isinstance(cost, (int, float)):
                setattr(self, name, cost)
            else:
                self.register_buffer(name, torch.as_tensor(cost), persistent=False)

    def forward(
        self,
        forecast: Tensor,
        demand: Tensor,
        *,
        costs: UnitCosts | tuple[Tensor, Tensor] | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Loss of a batch [currency].

        forecast : (...,) units, or (..., quantile) for `MultiQuantile`; demand : (...,) units, of the same shape.
        costs : of this batch, `UnitCosts` or a pair of tensors (underage, overage), which is not checked again.
        weight : importance of each observation, >= 0, broadcasts to the demand; it leaves the wanted quantile alone.
        mask : False or 0 where there is no observation; whatever stands there, NaN too, has no effect.

        Raises
        ------
        ValueError
            Where the shapes differ, or no costs were given.
        """
        self._refuse(forecast, demand, self._costs(costs))
        kind = torch.promote_types(torch.promote_types(forecast.dtype, demand.dtype), torch.float32)
        forecast, demand = forecast.to(kind), demand.to(kind)
        pair = [_in_kind(c, forecast) for c in self._costs(costs)]
        if weight is not None or mask is not None:
            ones = torch.ones_like(demand)
            weight = ones if weight is None else weight.to(kind).expand_as(demand)
            weight = weight if mask is None else torch.where(mask.expand_as(demand) != 0, weight, 0.0)
            # NaN times 0 is NaN, in the gradient too: what does not count is replaced before, not after
            live = weight != 0
            demand = torch.where(live, demand, 0.0)
            forecast = torch.where(live[..., None] if forecast.ndim > demand.ndim else live, forecast, 0.0)
            pair = [torch.where(live, c, 1.0) if isinstance(c, torch.Tensor) else c for c in pair]
        return self._reduced(forecast, demand, pair, weight)

    def _reduced(self, forecast: Tensor, demand: Tensor, pair: list[Any], weight: Tensor | None) -> Tensor:
        rows = (demand, *pair, weight)
        total: Tensor
        if self.reduction != "none" and _compilable(self.loss, forecast, rows):
            total = _Compiled.apply(forecast, demand, *(_term(row, demand) for row in rows[1:]))  # type: ignore[no-untyped-call]
        else:
            value = self.loss.value(demand, forecast, UnitCosts.trusted(*pair))
            value = value if weight is None else weight * value
            if self.reduction == "none":
                return value  # type: ignore[no-any-return]
            total = value.sum()
        if self.reduction == "sum":
            return total
        if weight is None:
            return total / demand.numel()
        importance = weight.sum()
        return total / torch.where(importance > 0, importance, 1.0)

    def _costs(self, costs: UnitCosts | tuple[Tensor, Tensor] | None) -> tuple[Any, Any]:
        if costs is None:
            return self.underage, self.overage
        return (costs.underage, costs.overage) if isinstance(costs, UnitCosts) else costs

    def _apply(self, fn: Any, recurse: bool = True) -> BusinessLoss:  # noqa: ANN401, FBT001, FBT002 - torch's
        """Move the costs with the module, but never to half precision, which cannot hold money."""
        kept = dict(self._buffers)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, cost in kept.items():
            moved = self._buffers[name]
            if cost is not None and moved is not None and moved.dtype in (torch.float16, torch.bfloat16):
                self._buffers[name] = cost.to(moved.device)
        return self

    def _refuse(self, forecast: Tensor, demand: Tensor, pair: tuple[Any, Any]) -> None:
        if pair[0] is None:
            raise ValueError("no costs: give them to BusinessLoss(loss, costs) or to each call as costs=")
        for name, cost in zip(("underage", "overage"), pair, strict=True):
            shape = tuple(getattr(cost, "shape", ()))
            if _broadcast(shape, tuple(demand.shape)) != tuple(demand.shape):
                raise ValueError(f"{name} of shape {shape} does not broadcast to demand of shape {tuple(demand.shape)}")
        wanted = forecast.shape[:-1] if isinstance(self.loss, MultiQuantile) else forecast.shape
        if wanted != demand.shape:
            raise ValueError(
                f"forecast of shape {tuple(forecast.shape)} does not fit demand of shape {tuple(demand.shape)}: "
                "broadcasting would pair every forecast with every demand; reshape one of them"
            )

    def extra_repr(self) -> str:
        """Loss and reduction."""
        return f"{self.loss}, reduction={self.reduction!r}"


class _Compiled(torch.autograd.Function):
    """Sum of weighted newsvendor losses over large tensors in main memory, by `losses.kernel`."""

    @staticmethod
    def forward(ctx: Any, forecast: Tensor, demand: Tensor, *terms: Tensor) -> Tensor:  # noqa: ANN401 - autograd's
        """Sum of weighted losses; terms are underage, overage and weight, each flat, of one element or of all."""
        from .kernel import newsvendor_sum

        ctx.save_for_backward(forecast, demand, *terms)
        total = newsvendor_sum(
            _flat(demand), _flat(forecast), tuple(map(_flat, terms)), threads=torch.get_num_threads()
        )
        return torch.tensor(total, dtype=forecast.dtype)

    @staticmethod
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401 - autograd's
        """Gradient of the loss times that from outside."""
        from .kernel import newsvendor_slope

        forecast, demand, *terms = ctx.saved_tensors
        again = torch.is_grad_enabled()  # the gradient itself will be differentiated, through `outer`
        rows = _flat(demand), _flat(forecast), tuple(map(_flat, terms))
        scale = 1.0 if again else outer.item()
        slope = torch.from_numpy(newsvendor_slope(*rows, scale=scale, threads=torch.get_num_threads()))
        slope = slope.reshape(forecast.shape)
        return slope * outer if again else slope, None, None, None, None


def _flat(row: Tensor) -> Any:  # noqa: ANN401 - a NumPy array
    return row.detach().reshape(-1).numpy()


def _compilable(loss: Loss, forecast: Tensor, rows: tuple[Any, ...]) -> bool:
    """Whether the kernel computes this loss: many elements in main memory, a derivative in the forecast only."""
    return (
        type(loss) is Newsvendor
        and forecast.numel() >= LARGE
        and forecast.device.type == "cpu"
        and not torch.compiler.is_compiling()
        and not any(isinstance(row, torch.Tensor) and row.requires_grad for row in rows)
    )


def _term(value: Any, demand: Tensor) -> Tensor:  # noqa: ANN401 - a number, a tensor or None
    """Term of the kernel: one element, or one for each observation."""
    if isinstance(value, torch.Tensor):
        return value if value.numel() == 1 else value.expand(demand.shape)
    return demand.new_tensor(1.0 if value is None else value)


def _broadcast(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...] | None:
    """Shape of both together, None where they do not fit."""
    try:
        return tuple(torch.broadcast_shapes(one, other))  # type: ignore[no-untyped-call]
    except RuntimeError:
        return None


def _in_kind(cost: Any, like: Tensor) -> Any:  # noqa: ANN401 - a number or an array
    """Cost as a number, or as a tensor of the kind and device of the forecast."""
    if isinstance(cost, (int, float)):
        return cost
    return torch.as_tensor(cost, dtype=like.dtype, device=like.device)
