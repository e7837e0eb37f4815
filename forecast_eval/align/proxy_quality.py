"""How good each offline metric is as a proxy: as sure as its pair allows, together as the joint posterior has it.

A joint posterior of many metrics and few launches is surer of each than its pair is: where every correlation is as
likely as every other, several metrics together are taken to tell nearly all of the online effect, and that denoises it.
So the distribution of each quality is that of its pair (`posterior.posterior`, whose intervals are known to hold), and
the joint posterior says only how qualities go together: which of two near-copies is the better one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .joint import qualities
from .mixture import weighted_quantiles
from .pairs import pairs_of
from .posterior import posterior

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .joint import Joint

    Floats = NDArray[np.float64]


def proxy_qualities(joint: Joint, online: str, variances: Floats, sizes: Sequence[float] = (1.0,)) -> Floats:
    """[draw, size, offline] correlation of offline numbers, measured with errors, with the true online effect.

    variances : [offline] of the errors, in units of the metrics squared; at each size they are divided by it.

    Draws of the joint posterior, put by their ranks into the place of the quantiles of the pair's posterior (a copula;
    Sklar 1959).
    """
    data, at = joint.data, joint.at(online)
    scale = data.scale[: len(data.offline)]
    ranks = [_ranks(qualities(joint.draws.sigma, at, variances / scale**2 / size)) for size in sizes]
    found = np.empty((len(ranks[0]), len(sizes), len(data.offline)))
    for k, name in enumerate(data.offline):
        pairs, _ = pairs_of(data.launches, name, online)
        own = posterior(pairs)
        p = own.grid.cells
        for place, size in enumerate(sizes):
            noise = variances[k] / size / own.data.scale[0] ** 2
            values = p.rho * p.tau_x / np.sqrt(p.tau_x**2 + noise)
            found[:, place, k] = weighted_quantiles(values, p.weight, ranks[place][:, k].tolist())
    return found


def _ranks(draws: Floats) -> Floats:
    """Share of the draws [draw, number] below each, with half of itself."""
    order = draws.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
    return np.asarray((order + 0.5) / len(draws))
