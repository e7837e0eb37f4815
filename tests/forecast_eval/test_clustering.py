"""Laws of the clusters that an interval is made of."""

import pandas as pd
import pytest

from forecast_eval.config import Compare
from forecast_eval.money import clustering


def static(products=6, stores=3, **columns):
    rows = [(f"store {s}", f"p{p}") for s in range(stores) for p in range(products)]
    return pd.DataFrame(rows, columns=["store", "sku"]).assign(**columns)


def test_store_and_product_are_the_clusters_where_there_are_both():
    found = clustering(static())
    assert found.columns == ("store", "sku")
    assert found.names == ("store 0", "store 1", "store 2")
    assert found.codes[0].tolist() == [0] * 6 + [1] * 6 + [2] * 6
    assert found.codes[1].tolist() == [0, 1, 2, 3, 4, 5] * 3


def test_few_products_are_no_clusters_of_their_own():
    assert clustering(static(products=5)).columns == ("store",)


def test_product_that_is_one_series_is_no_cluster_beside_the_store():
    assert clustering(static(sku=[f"sku {n}" for n in range(18)])).columns == ("store",)


def test_products_are_the_clusters_where_there_are_no_stores():
    assert clustering(static().drop(columns="store")).columns == ("sku",)


def test_every_series_is_a_cluster_where_nothing_is_known():
    found = clustering(pd.DataFrame(index=["a", "b", "c"]))
    assert found.columns == ()
    assert found.names == ("a", "b", "c")
    assert [codes.tolist() for codes in found.codes] == [[0, 1, 2]]


def test_columns_that_are_named_are_taken_whatever_they_are():
    found = clustering(static(products=2, region=["x", "y", "y", "x", "z", "z"]), ["region", "store"])
    assert found.columns == ("region", "store")
    assert found.names == ("x", "y", "z")


@pytest.mark.parametrize("unknown", [None, float("nan")])
def test_series_without_a_store_are_one_cluster(unknown):
    table = static()
    table.loc[[0, 7], "store"] = unknown
    codes = clustering(table, ["store"]).codes[0]
    assert codes[0] == codes[7]
    assert codes.min() == 0


def test_config_names_one_column_or_two():
    assert Compare(incumbent="a").clusters is None
    assert Compare(incumbent="a", cluster="store").clusters == ("store",)
    assert Compare(incumbent="a", cluster=["store", "sku"]).clusters == ("store", "sku")


@pytest.mark.parametrize("wrong", [[], 3, ["store", "store"], ["a", "b", "c"], ["store", 2]])
def test_other_clusters_are_refused_once(wrong):
    with pytest.raises(ValueError, match="give the name of a static column, or a list of two different ones") as caught:
        Compare(incumbent="a", cluster=wrong)
    assert caught.value.error_count() == 1
