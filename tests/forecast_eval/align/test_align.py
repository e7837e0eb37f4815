"""The alignment study as one verb: verdicts, what is left out and what is refused, notes, and what is written down."""

import json
from dataclasses import replace

import numpy as np
import pytest
import yaml

from backtest.faults import InputError
from forecast_eval.align import Deltas
from forecast_eval.align.align import align, verdict_of
from forecast_eval.align.credible import Credible
from forecast_eval.align.findings import as_catalogue, findings_of
from forecast_eval.align.study_json import as_json
from forecast_eval.aligning import record
from forecast_eval.launch_book import open_book
from forecast_eval.scores.catalogue import catalogue


@pytest.fixture(scope="module")
def past(past_launches):
    """Eight tested launches and one that was held back."""
    return past_launches()


@pytest.fixture(scope="module")
def progress():
    return []


@pytest.fixture(scope="module")
def study(past, progress):
    return align(past, online=["waste", "profit"], by="region", progress=lambda *at: progress.append(at))


@pytest.fixture(scope="module")
def wanting(past):
    """Launches of which much is wanting.

    All were tested, two of them on one day; nobody knows the covariance of both sides; RMSE never varies, two launches
    have WAPE, and the errors of the fill rate are those of profit, twice as large.
    """
    shared = [*past[:4], replace(past[4], test=past[1].test), *past[5:8]]
    found = []
    for k, own in enumerate(shared):
        errors = np.array([1.0, 4.0, 2.0, 3.0]) * own.offline.error("profit")
        covariance = np.diag(errors**2)
        covariance[0, 2] = covariance[2, 0] = errors[0] * errors[2]
        profit, _, filled = own.offline.values
        offline = Deltas.of(["profit", "rmse", "fill_rate", "wape"], [profit, 0.02, filled, 0.01 * k], covariance,
                            better=["higher", "lower", "higher", "lower"])  # fmt: skip
        names = offline.names if k < 2 else offline.names[:3]
        found.append(replace(own, offline=offline.only(names), cross=None))
    return found


@pytest.fixture(scope="module")
def thin(wanting):
    """What is left of a study of them, of waste alone."""
    return align(wanting, online=["waste"])


def values(launch, **by_name):
    """The launch with other offline numbers."""
    own = [by_name.get(name, value) for name, value in zip(launch.offline.names, launch.offline.values, strict=True)]
    return replace(launch, offline=replace(launch.offline, values=np.array(own)))


def refused(launches, **choice):
    """Faults of a study that is refused."""
    with pytest.raises(InputError) as raised:
        align(launches, **choice)
    return raised.value.faults


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.1, 0.9, "trusted"), (-0.9, -0.1, "misleads"), (-0.1, 0.9, "insufficient evidence"),
        (0.0, 0.9, "insufficient evidence"), (-0.9, 0.0, "insufficient evidence"),
    ],
)  # fmt: skip
def test_a_verdict_follows_the_interval(low, high, verdict):
    assert verdict_of(Credible((low + high) / 2, low, high, 0.8)) == verdict


def test_what_goes_with_the_truth_is_trusted_and_what_goes_against_it_misleads(study):
    verdicts = {name: study.of(name, "profit").verdict for name in ("profit", "fill_rate", "rmse")}
    assert verdicts == {"profit": "trusted", "fill_rate": "misleads", "rmse": "insufficient evidence"}
    assert all(own.verdict == verdict_of(own.rho) for own in study.alignments)


def test_every_offline_metric_is_held_against_every_online_one(study):
    pairs = [(own.offline, own.online) for own in study.alignments]
    assert pairs == [(own, other) for other in ("waste", "profit") for own in ("profit", "rmse", "fill_rate")]
    assert {own.tested for own in study.alignments} == {8}


def test_the_first_online_metric_ranks(study):
    assert [own.online for own in (*study.rankings, *study.composites)] == ["waste", "waste"]


def test_what_has_one_name_on_both_sides_is_calibrated(study):
    assert [(own.offline, own.online) for own in study.calibrations] == [("profit", "profit")]
    assert not any("nothing is calibrated" in note for note in study.notes)


def test_calibrations_are_shrunk_across_a_group(study):
    assert set(study.calibrations[0].groups) == {"north", "south"}


def test_where_no_name_is_on_both_sides_a_note_says_that_nothing_is_calibrated(thin):
    assert thin.calibrations == ()
    assert any("no metric stands on both sides under one name; call what was simulated" in own for own in thin.notes)


def test_what_never_varies_is_left_out_with_a_note_where_nobody_asked_for_it(thin):
    assert thin.of("rmse", "waste") is None
    assert "rmse against waste is left out: all 8 offline differences are the same number" in thin.notes


def test_what_too_few_tests_have_is_left_out_with_a_note_where_nobody_asked_for_it(thin):
    assert thin.of("wape", "waste") is None
    assert any(note.startswith("wape against waste is left out: 2 launches have both sides") for note in thin.notes)


def test_of_metrics_whose_errors_are_copies_one_is_ranked_where_nobody_chose(thin):
    assert thin.rankings[0].names == ("profit",)
    assert {own.offline for own in thin.alignments} == {"profit", "fill_rate"}
    assert "fill_rate is not ranked: its error is a copy of that of profit" in thin.notes


@pytest.mark.parametrize("online", [None, ["profit"]])
def test_what_never_varies_is_refused_by_name_where_it_was_asked_for(wanting, online):
    (fault,) = refused(wanting, offline=["rmse", "profit"], online=online)
    assert str(fault) == (
        "offline rmse: all 8 offline differences are the same number; "
        "leave the metric out: what never varies explains nothing"
    )


@pytest.mark.parametrize("online", [None, ["profit"]])
def test_what_too_few_tests_have_is_refused_by_name_where_it_was_asked_for(wanting, online):
    fault, *_ = refused(wanting, offline=["wape"], online=online)
    assert str(fault).startswith("wape against profit: 2 launches have both sides, and 3 are the least")


def test_what_never_varies_online_is_refused_where_it_was_asked_for(past):
    same = [own if own.online is None else replace(own, online=replace(own.online, values=own.online.values * [1, 0]))
            for own in past]  # fmt: skip
    (fault,) = refused(same, online=["waste", "profit"])
    assert str(fault).startswith("online waste: all 8 online differences are the same number; leave")


def test_fewer_than_three_tests_are_one_fault_whatever_was_asked_for(past):
    for choice in ({}, {"offline": ["rmse"]}, {"offline": ["rmse", "profit"], "online": ["waste"]}):
        (fault,) = refused([*past[:2], past[-1]], **choice)
        assert str(fault) == ("launches: 2 launches have both sides, and 3 are the least that anything is learned of; "
                              "add past launches to the book")  # fmt: skip


def test_a_name_that_stands_twice_is_refused(past):
    (fault,) = refused([*past, values(past[2], profit=0.123)])
    assert (fault.rule, fault.what) == ("duplicate", "'launch 2' stands 2 times")


def test_numbers_that_stand_twice_under_two_names_are_refused(past):
    (fault,) = refused([*past, replace(past[2], name="again")])
    assert (fault.rule, fault.what) == ("duplicate", "'launch 2' and 'again' have the same numbers on both sides")


def test_mixed_units_are_refused_and_every_metric_that_has_them_is_named_once(past):
    mixed = replace(past[3], offline=replace(past[3].offline, units=("EUR", "EUR", "share")))
    faults = refused([*past[:3], mixed, *past[4:]])
    assert [own.what for own in faults] == [
        f"offline {name} is given in different units: EUR and share" for name in ("profit", "rmse")
    ]


def test_mixed_directions_are_refused(past):
    mixed = replace(past[3], online=replace(past[3].online, better=("higher", "higher")))
    (fault,) = refused([*past[:3], mixed, *past[4:]])
    assert fault.what == "online waste is given in different directions: higher and lower"


def test_a_singular_covariance_is_one_fault_where_the_metrics_were_chosen(wanting):
    (fault,) = refused(wanting, offline=["profit", "fill_rate"], online=["waste"])
    assert str(fault) == (
        "launch 'launch 0' and 7 more: the covariance is singular: the error of fill_rate is a copy of that of profit; "
        "leave one of them out, or estimate it from more stores"
    )


def test_unknown_metrics_of_both_sides_are_named_at_once_with_the_nearest(past):
    faults = refused(past, offline=["rmsee", "profit"], online=["wsate"])
    assert [str(own) for own in faults] == [
        "--offline: no launch has an offline metric 'rmsee'; did you mean 'rmse'?",
        "--online: no launch has an online metric 'wsate'; did you mean 'waste'?",
    ]


def test_a_choice_of_no_metric_is_refused(past):
    assert [own.place for own in refused(past, offline=[], online=[])] == ["--offline", "--online"]


def test_an_unknown_group_is_one_fault_with_the_nearest(past):
    (fault,) = refused(past, by="regoin")
    assert str(fault) == "--by: no launch has a group 'regoin'; did you mean 'region'?"


@pytest.mark.parametrize("confidence", [0.0, 1.0, 90.0, float("nan")])
def test_a_confidence_that_is_no_probability_is_refused(past, confidence):
    (fault,) = refused(past, confidence=confidence)
    assert fault.rule == "confidence"


def test_untested_launches_are_counted_in_a_note(study, thin):
    assert "1 of 9 candidates not tested: they count by what they promised offline" in study.notes
    assert not any("were not tested" in note for note in thin.notes)


def test_a_book_that_nothing_was_held_back_of_is_noted(study, thin):
    said = "no candidate that was not tested is in the book"
    assert [any(note.startswith(said) for note in own.notes) for own in (study, thin)] == [False, True]


def test_tests_that_share_their_start_and_their_incumbent_are_counted_in_a_note(study, thin):
    said = "2 tests began on the same day as another one against the same incumbent"
    assert [any(note.startswith(said) for note in own.notes) for own in (study, thin)] == [False, True]


def test_a_covariance_of_both_sides_that_is_not_known_is_noted(study, thin):
    said = "errors of both sides are taken as independent where a launch gives no covariance of theirs"
    assert [said in own.notes for own in (study, thin)] == [False, True]


def text_of(study):
    return json.dumps(as_json(study), allow_nan=False)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_ones(wanting, thin):
    assert text_of(align(wanting, online=["waste"])) == text_of(thin)
    assert text_of(align(wanting, online=["waste"], seed=1)) != text_of(thin)


@pytest.mark.usefixtures("study")
def test_progress_goes_up_to_its_end(progress):
    assert progress[:2] == [("profit against waste", 0, 6), ("rmse against waste", 1, 6)]
    assert [done for _, done, _ in progress] == list(range(8))
    assert progress[-1] == ("ranking", 7, 7)


def test_a_finding_says_verdict_numbers_and_launches(study):
    rho = study.of("rmse", "waste").rho
    line = findings_of(study)["rmse"]
    assert line.startswith(f"insufficient evidence for: waste ({rho.value:.2f}, {rho.low:.2f} to {rho.high:.2f}), prof")
    # the launch that was held back, of 2025-09-15, taught nothing about what is measured
    assert line.endswith("; correlations with 8 launches of 2025-01-06 to 2025-08-11")


def test_a_finding_groups_online_metrics_by_verdict_the_trusted_first(study):
    mixed = [replace(own, verdict="misleads") if own.online == "profit" else own for own in study.alignments]
    line = findings_of(replace(study, alignments=tuple(mixed)))["profit"]
    assert line.split(" (")[0] == "trusted for: waste"
    assert "; misleads for: profit (0." in line


def test_findings_are_a_catalogue_that_only_adds_them(study, tmp_path):
    found = {**findings_of(study), "pinball_0.7": "trusted for: profit: 100% sure"}
    (tmp_path / "found.yaml").write_text(as_catalogue(found))
    known = catalogue([tmp_path / "found.yaml"]).metrics
    assert {name: known[name].findings for name in found} == found
    assert known["rmse"].version == catalogue().metrics["rmse"].version


@pytest.fixture
def book(tmp_path, past):
    """A book that holds the launches."""
    held = open_book(tmp_path / "launches.db")
    held.add(past)
    return held


def test_a_record_stands_in_a_catalogue_and_in_the_book(study, book, tmp_path):
    assert record(study, book, tmp_path / "new" / "found.yaml") == ()
    found = findings_of(study)
    written = yaml.safe_load((tmp_path / "new" / "found.yaml").read_text())
    assert {name: own["findings"] for name, own in written.items()} == found
    entries = book.entries("finding")
    assert {entry.name: entry.payload["finding"] for entry in entries} == found
    assert entries[0].payload["seen"] == {"launches": 9, "tested": 8}
    assert book.verify() is None


def test_the_same_findings_are_written_once_and_others_over_them(study, book, tmp_path):
    file = tmp_path / "found.yaml"
    record(study, book, file)
    before = file.read_bytes(), len(book.entries(every=True))
    record(study, book, file)
    assert (file.read_bytes(), len(book.entries(every=True))) == before
    turned = tuple(replace(own, verdict="misleads") for own in study.alignments)
    record(replace(study, alignments=turned), book, file)
    assert "insufficient evidence" not in file.read_text()
    assert len(book.entries(every=True)) == before[1] + 2  # fill_rate misled before


def test_a_metric_that_no_catalogue_defines_stands_in_the_book_alone(study, book, tmp_path):
    ours = tuple(replace(own, offline="ours" if own.offline == "rmse" else own.offline) for own in study.alignments)
    renamed, file = replace(study, alignments=ours), tmp_path / "found.yaml"
    assert record(renamed, book, file) == ("ours",)
    assert set(yaml.safe_load(file.read_text())) == {"profit", "fill_rate"}
    assert {entry.name for entry in book.entries("finding")} == {"profit", "ours", "fill_rate"}
    team = tmp_path / "team.yaml"
    team.write_text("ours: {formula: sum of errors / sum of demand, unit: ratio, direction: zero, numerator: error, "
                    "denominator: demand}")  # fmt: skip
    assert record(renamed, book, file, [team]) == ()
    assert "ours" in yaml.safe_load(file.read_text())


@pytest.mark.parametrize("content", [b"rmse: {owner: us}\n", b"", b"\xff\xfe\x00"])
def test_a_file_that_was_not_written_by_it_is_left_alone(study, book, tmp_path, content):
    file = tmp_path / "team.yaml"
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"team\.yaml: the file was not written by forecast-eval align --record"):
        record(study, book, file)
    assert file.read_bytes() == content
    assert book.entries("finding") == ()


def test_a_metric_at_an_impossible_level_stands_in_the_book_alone(study, book, tmp_path):
    others = [replace(own, offline="pinball_5") if own.offline == "rmse" else own for own in study.alignments]
    file = tmp_path / "found.yaml"
    assert record(replace(study, alignments=tuple(others)), book, file) == ("pinball_5",)
    assert "pinball_5" not in catalogue([file]).metrics
