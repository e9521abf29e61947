"""The figure of consequences holds the change of the loss of the subgroups, the worst and the best."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from clinflu import Audit, Remove
from clinflu.figures import consequences_figure
from clinflu.figures.consequences import SHOWN, consequences_finding, consequences_spec
from clinflu.figures.theme import DOWN, UP


@pytest.fixture(scope="module")
def refit(small_cohort):
    schema = replace(small_cohort.schema, subgroups=("ward", "ward_team"))
    audit = Audit.fit(replace(small_cohort, schema=schema))
    return audit.what_if(Remove(query="ward == 'surgical'"))


@pytest.fixture(scope="module")
def subgroups(refit):
    return refit.subgroup_metrics()


def made_up(changes, n=100):
    """Return subgroups with these changes of the loss."""
    levels = [f"level {place}" for place in range(len(changes))]
    return pd.DataFrame(
        {
            "variable": "ward",
            "label": "Ward",
            "level": levels,
            "n": n,
            "log_loss_change": np.array(changes, dtype=float),
        }
    )


def drawn(subgroups):
    figure = consequences_figure(subgroups)
    (bars,) = figure.data
    return dict(zip(figure.layout.yaxis.ticktext, bars.x, strict=True)), figure


def test_bars_are_the_changes_of_the_loss_of_each_subgroup(refit, subgroups):
    bars, _ = drawn(subgroups)
    frame, losses = refit.study.cohort.frame, refit.to_frame()["loss_change"]
    assert len(bars) == len(subgroups.dropna(subset="log_loss_change"))
    for row in subgroups.itertuples():
        recorded = frame.loc[losses.index, row.variable]
        members = recorded.isna() if row.level == "missing" else recorded == row.level
        level = "not recorded" if row.level == "missing" else row.level
        assert bars[f"{row.label}: {level}"] == pytest.approx(losses[members.to_numpy(dtype=bool)].mean())


def test_the_worst_is_at_the_top_and_the_best_at_the_bottom(subgroups):
    bars, figure = drawn(subgroups)
    changes = list(bars.values())
    assert changes == sorted(changes, reverse=True)
    assert list(figure.data[0].marker.color) == [UP if change > 0 else DOWN for change in changes]
    assert list(figure.data[0].y) == list(range(len(changes)))
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]
    for text, change in zip(figure.data[0].hovertext, changes, strict=True):
        assert text == f"{change:+.5f} nats an encounter".replace("-", "−")


def test_of_many_only_the_ends_are_drawn():
    changes = [*np.linspace(0.01, 0.2, 10), *np.linspace(-0.3, -0.02, 9)]
    bars, _ = drawn(made_up(changes))
    wanted = [*sorted(changes, reverse=True)[:SHOWN], *sorted(changes, reverse=True)[-SHOWN:]]
    np.testing.assert_allclose(list(bars.values()), wanted)
    assert len(bars) == 2 * SHOWN


def test_what_does_not_change_or_is_not_known_is_not_drawn():
    bars, _ = drawn(made_up([0.0, np.nan, 0.2, -0.1]))
    assert list(bars.values()) == [0.2, -0.1]
    nobody, figure = drawn(made_up([np.nan, 0.0]))
    assert nobody == {}
    assert figure.layout.title.text == "No subgroup of 30 or more gets noticeably worse or better"


@pytest.mark.parametrize(
    ("changes", "n", "said"),
    [
        ([0.2, 0.1, -0.3, 0.0], 100, "Of 4 subgroups of 30 or more, 2 get worse and 1 better"),
        ([0.2, np.nan], 100, "Of 1 subgroup of 30 or more, 1 gets worse and 0 better"),
        ([0.00009, -0.00009], 100, "No subgroup of 30 or more gets noticeably worse or better"),
        ([0.00011, -0.00011], 100, "Of 2 subgroups of 30 or more, 1 gets worse and 1 better"),
        ([0.2, -0.2], [29, 30], "Of 1 subgroup of 30 or more, 0 get worse and 1 better"),
        ([0.2], 29, "No subgroup of 30 or more gets noticeably worse or better"),
        ([], 100, "No subgroup of 30 or more gets noticeably worse or better"),
    ],
)
def test_the_title_counts_who_gets_worse_and_who_better(changes, n, said):
    assert consequences_finding(made_up(changes, n)) == said
    assert consequences_spec(made_up(changes, n), simulated=False)["layout"]["title"]["text"] == said


def test_invented_patients_are_said_to_be(subgroups):
    assert "SIMULATED" in consequences_figure(subgroups, simulated=True).layout.title.subtitle.text
    assert "SIMULATED" not in consequences_figure(subgroups).to_json()


def test_levels_are_shown_as_they_are_and_ages_over_89_as_90_and_over():
    hostile = made_up([0.2, -0.2]).assign(label="<b onclick=x>", level=["<img src=x>", "a & b"])
    told = json.dumps(consequences_spec(hostile, simulated=False), allow_nan=False)
    assert "<b onclick" not in told
    assert "<img" not in told
    assert "&lt;b onclick=x&gt;: a &amp; b" in told
    aged = made_up([0.2, -0.2]).assign(variable="age_group", label="Age", level=["[90-100)", "[80-90)"])
    bars, _ = drawn(aged)
    assert list(bars) == ["Age: 90+", "Age: [80-90)"]


def test_a_long_level_does_not_push_the_bars_aside():
    long = made_up([0.2]).assign(level="x" * 200)
    (label,) = drawn(long)[0]
    assert len(label) <= 32


def test_long_levels_that_begin_alike_stay_apart():
    ends = ("to a skilled nursing facility", "to home with a home health service", "within this institution")
    alike = made_up([0.3, 0.2, 0.1]).assign(level=[f"Discharged or transferred {end}" for end in ends])
    labels = list(drawn(alike)[0])
    assert len(set(labels)) == len(ends)
    assert all(len(one) <= 32 for one in labels)
    assert [one[-8:] for one in labels] == [end[-8:] for end in ends]


def test_the_axis_is_in_the_words_of_the_reader():
    spec = consequences_spec(made_up([0.2]), simulated=False, axis="Change of the prediction error")
    assert spec["layout"]["xaxis"]["title"]["text"] == "Change of the prediction error"
    assert "nats" in consequences_figure(made_up([0.2])).layout.xaxis.title.text
