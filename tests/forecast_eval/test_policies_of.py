"""Laws of the policies of a config: every setting becomes a policy, and one's own are found and checked."""

from types import SimpleNamespace

import numpy as np
import pytest

from backtest import InputError
from forecast_eval.config import config_of
from forecast_eval.config.policies import settings_in
from forecast_eval.policies import imported_policy, policies_of
from forecast_eval.simulate import Outlook, Rule, Supply
from losses import UnitCosts

TREE = {
    "name": "good",
    "data": {"history": {"path": "sales.csv"}, "economics": {"values": {"holding": 0.2, "goodwill": 1}}},
    "backtest": {"horizon": 2, "windows": 6},
    "forecasters": {"naive": {"kind": "statsforecast", "model": "Naive"}},
    "compare": {"incumbent": "naive"},
}
MODULE = """
from forecast_eval.simulate import Rule

def last_steps(outlook, share=1.0):
    return Rule(order_up_to=share * outlook.point.sum(axis=1))

class Mine:
    name, label, knob = "mine", "mine, half", 0.5

    def __init__(self, factor=1.0):
        self.factor = factor

    def rule(self, outlook):
        return Rule(order_up_to=self.factor * outlook.point[:, 0])

class Nothing:
    pass

whole, number = Mine(), 3
"""


def outlook(series=3):
    rng = np.random.default_rng(3)
    sums = np.sort(rng.poisson(9.0, (series, 200)).astype(float), axis=1)
    cycle = np.sort(rng.poisson(4.0, (series, 200)).astype(float), axis=1)
    costs = UnitCosts(np.array([4.0, 2.0, 9.0]), np.array([1.0, 2.0, 3.0]))
    return Outlook(
        point=np.array([[4.0, 5.0], [3.0, 2.0], [6.0, 1.0]]), sums=sums, cycle=cycle, first_step=np.zeros(series, int),
        costs=costs, holding=np.full(series, 0.5), order_cost=np.full(series, 8.0),
        supply=Supply.plain(series, lead_time=1),
    )  # fmt: skip


def specs(*policies):
    return config_of(TREE | {"simulate": {"policies": list(policies)}}, "c.yaml").simulate.policies


AIMS = {"coverage": [0.9, 0.5], "service_factor": [2, 1]}
ALL = [
    {"kind": "order_up_to", **AIMS},
    {"kind": "periods_of_supply", "periods": [2, 1]},
    {"kind": "newsvendor", **AIMS},
    {"kind": "reorder_point", **AIMS},
    {"kind": "reorder_point", "lot": "economic", **AIMS},
    {"kind": "reorder_point", "lot": 7, **AIMS},
    {"kind": "capped", "cap": [2, 1.5], **AIMS},
    {"kind": "waste_conscious", **AIMS},
    {"kind": "projected", **AIMS},
]


@pytest.mark.parametrize("policy", ALL)
def test_every_setting_becomes_a_policy_that_answers(policy):
    (spec,) = specs(policy)
    made = policies_of([spec])
    assert len(made) == settings_in(spec) > 1
    assert len({(p.name, p.label) for p in made}) == len(made)
    assert all(isinstance(p.rule(outlook()), Rule) or callable(p.rule(outlook())) for p in made)


@pytest.mark.parametrize("policy", [p for p in ALL if p["kind"] != "capped"])
def test_settings_come_in_the_order_of_their_knobs(policy):
    by_name = {}
    for p in policies_of(specs(policy)):
        by_name.setdefault(p.name, []).append(p.knob)
    assert all(knobs == sorted(knobs) for knobs in by_name.values())


def test_caps_and_lots_arrive():
    capped, plain, lots = policies_of(
        specs(
            {"kind": "capped", "coverage": [0.9], "cap": [1.5]},
            {"kind": "order_up_to", "coverage": [0.9]},
            {"kind": "reorder_point", "coverage": [0.9], "lot": 7},
        )
    )
    seen = outlook()
    assert capped.rule(seen).cap == pytest.approx(1.5 * seen.cycle.mean(axis=1))
    assert capped.rule(seen).order_up_to == pytest.approx(plain.rule(seen).order_up_to)
    assert lots.rule(seen).lot.tolist() == [7, 7, 7]


@pytest.fixture
def own(tmp_path):
    (tmp_path / "own_policies.py").write_text(MODULE, encoding="utf-8")
    return tmp_path


def levels(policy):
    return policy.rule(outlook()).order_up_to.tolist()


def python(name, **more):
    return {"kind": "python", "object": f"own_policies:{name}", **more}


def test_own_function_class_and_policy_are_policies(own):
    found = policies_of(
        specs(python("last_steps", params={"share": 2}), python("Mine", params={"factor": 3}), python("whole")),
        folder=own,
    )
    assert [levels(p) for p in found] == [[18, 10, 14], [12, 9, 18], [4, 3, 6]]
    assert [p.label for p in found] == ["last steps, share=2", "mine, half", "mine, half"]


def test_own_policy_is_recognised_by_its_code_and_params(own):
    def known(**params):
        return repr(imported_policy("own_policies:last_steps", params, folder=own))

    first = known(share=2)
    assert first == known(share=2)
    assert first != known(share=3)
    (own / "own_policies.py").write_text(MODULE + "\nmore = 1\n", encoding="utf-8")
    assert first != known(share=2)


def test_every_fault_of_own_policies_comes_with_its_place(own):
    wrong = [
        python("last_step"), {"kind": "python", "object": "own_polices:x"}, python("last_steps", params={"shre": 2}),
        python("whole", params={"factor": 2}), python("number"), python("Nothing"), python("Mine"),
    ]  # fmt: skip
    with pytest.raises(InputError) as error:
        policies_of(specs(*wrong), folder=own)
    found = [f"{f.place}: {f.what}; {f.fix}" for f in error.value.faults]
    expected = [
        ("simulate.policies.0.object: own_policies has no 'last_step'", "did you mean 'last_steps'?"),
        ("simulate.policies.1.object: there is no module 'own_polices'", "did you mean 'own_policies'?"),
        ("simulate.policies.2.object: params of own_policies:last_steps: ", "did you mean 'share'?"),
        ("simulate.policies.3.object: own_policies:whole is a policy already", "name its class, or leave params out"),
        ("simulate.policies.4.object: own_policies:number is a int, neither a policy", "its class"),
        ("simulate.policies.5.object: own_policies:Nothing makes a Nothing, which is no policy", "rule(outlook)"),
    ]
    assert len(found) == len(expected)
    for line, (start, end) in zip(found, expected, strict=True):
        assert line.startswith(start)
        assert line.endswith(end)


def test_params_that_a_policy_refuses_are_a_fault_of_the_config():
    wrong = {"kind": "python", "object": "forecast_eval.simulate.policies:ReorderPoint", "params": {"lot": -2.0}}
    with pytest.raises(InputError, match=r"simulate\.policies\.0\.object: .*:ReorderPoint refuses its params: lot=-2"):
        policies_of(specs(wrong))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return 7.0", "failed: TypeError: policy"),
        ("return Rule(np.ones(2))", "'order_up_to': (2,)"),
        ("return lambda view: np.ones(3)", "gave quantities of shape (3,), and (5,) are asked for"),
        ("return lambda view: view.demand", "failed: AttributeError"),
    ],
)
def test_what_a_policy_of_the_users_own_says_is_checked(tmp_path, body, words):
    code = f"import numpy as np\nfrom forecast_eval.simulate import Rule\n\ndef odd(outlook):\n    {body}\n"
    (tmp_path / "odd_policy.py").write_text(code)
    policy = imported_policy("odd_policy:odd", folder=tmp_path)
    with pytest.raises(InputError, match="mend the policy") as error:
        policy.rule(SimpleNamespace(supply=Supply.plain(5)))(object())
    assert words in str(error.value)
