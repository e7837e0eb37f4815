"""One short name for all the data of a run."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pandas.util import hash_pandas_object

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backtest import Derived, Forecaster

    from ..read import Inputs
    from ..simulate import Policy


def fingerprint(
    inputs: Inputs, forecasters: Mapping[str, Forecaster | Derived], policies: Sequence[Policy] = ()
) -> str:
    """Hash of all data, the same for the same values whatever file they came from.

    forecasters : those of forecasts made elsewhere are data too.
    policies : those of the user's own may change while their name does not.
    """
    digest = hashlib.sha256()
    state = inputs.state
    digest.update(repr(dict(forecasters)).encode())
    digest.update(repr(list(policies)).encode())
    history = inputs.history
    frames = [history.frame, history.static.reset_index(), history.ahead, *history.vintages, inputs.economics.frame]
    frames += [] if inputs.demand is None else [inputs.demand]
    frames += [] if state is None else [state.on_hand.reset_index(), state.in_transit.reset_index()]
    for frame in frames:
        digest.update(",".join(map(str, frame.columns)).encode())
        digest.update(hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return digest.hexdigest()[:16]
