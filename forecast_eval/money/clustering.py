"""Which series hang together: the clusters of an interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .asked import Ints

STORES = ("store", "store_id")
PRODUCTS = ("sku", "product", "item", "product_id", "item_id")
FEWEST = 6
"""Products below which they are no clusters of their own unless that is asked for: too few to tell a spread."""


@dataclass(frozen=True, slots=True, eq=False)
class Clustering:
    """Clusters of series: by which columns, codes [series] of each, and names [code] of the first."""

    columns: tuple[str, ...]
    codes: tuple[Ints, ...]
    names: tuple[str, ...]


def clustering(static: pd.DataFrame, columns: Sequence[str] | None = None) -> Clustering:
    """Clusters of the series by some static columns.

    static : one row a series, indexed by unique_id.
    columns : the first is the one that paired differences are shown by. None takes the store, since online tests
        randomise stores, where there is a column of that name; and the product as well where some product is sold
        under several series and there are at least six products: what one store's sales of a product do by chance,
        the others' do too. Where there is neither, every series is a cluster.

    Clusters are taken as drawn from many more of their kind. With the product as a cluster the interval tells what to
    expect of other products too, and widens as products differ; where every product of the shop is here, and only these
    matter, name the store alone.

    >>> table = pd.DataFrame({"store": ["s1", "s2", "s2"], "sku": ["a", "a", "b"]}, index=["s1-a", "s2-a", "s2-b"])
    >>> clustering(table).columns, clustering(table, ["store", "sku"]).columns
    (('store',), ('store', 'sku'))
    """
    chosen = _default(static) if columns is None else tuple(columns)
    if not chosen:
        return Clustering((), (np.arange(len(static)),), tuple(map(str, static.index)))
    found = [pd.factorize(static[column], use_na_sentinel=False) for column in chosen]
    codes = tuple(np.asarray(code, dtype=np.int64) for code, _ in found)
    return Clustering(chosen, codes, tuple(map(str, found[0][1])))


def _default(static: pd.DataFrame) -> tuple[str, ...]:
    store = next((name for name in STORES if name in static.columns), None)
    product = next((name for name in PRODUCTS if name in static.columns), None)
    shared = product is not None and FEWEST <= static[product].nunique() < len(static)
    return tuple(name for name in (store, product if shared else None) if name is not None)
