"""The figure of backends draws what was measured, with both axes logarithmic, and says the finding."""

import json
from dataclasses import replace

import pytest

from clinflu.analysis.scaling import scaling
from clinflu.figures.config import as_json
from clinflu.figures.scaling_figure import scaling_figure

BACKENDS = ("dense", "compact", "sparse")


@pytest.fixture(scope="module")
def found(small_cohort):
    return scaling(small_cohort, (300, 900), BACKENDS)


def test_time_and_memory_are_drawn_a_line_for_each_backend(found):
    figure = scaling_figure(found)
    for axis, measure in (("y", "fit_seconds"), ("y2", "design_bytes")):
        lines = {line.name: line for line in figure.data if line.yaxis == axis}
        assert list(lines) == list(BACKENDS)
        for name, line in lines.items():
            measured = found.of_backend(name)
            assert list(line.x) == list(measured["rows"])
            assert list(line.y) == list(measured[measure])
    layout = figure.layout
    assert {axis.type for axis in (layout.xaxis, layout.xaxis2, layout.yaxis, layout.yaxis2)} == {"log"}
    assert sum(line.showlegend for line in figure.data) == len(BACKENDS)
    assert len({(line.line.color, line.line.dash, line.marker.symbol) for line in figure.data}) == len(BACKENDS)
    json.loads(as_json(figure.to_plotly_json()))


def test_the_title_names_the_quickest_and_the_smallest_at_the_most_rows(found):
    frame = found.frame.copy()
    frame["fit_seconds"] = [1.0, 2.0, 3.0, 30.0, 20.0, 10.0]
    frame["design_bytes"] = [1, 2, 3, 9_000, 18_000, 27_000]
    title = scaling_figure(replace(found, frame=frame)).layout.title
    assert f"sparse, {found.rows[-1]:,} encounters in 10 s" in title.text
    assert f"dense, {9_000 / found.rows[-1]:,.0f} bytes a row" in title.text
    assert "SIMULATED" in title.subtitle.text
    assert "the same coefficients and influences" in title.subtitle.text


def test_a_disagreement_is_told(found):
    frame = found.frame.assign(theta_apart=[0, 0, 0, 0, 1e-3, 0])
    title = scaling_figure(replace(found, frame=frame, simulated=False)).layout.title
    assert "do NOT agree" in title.subtitle.text
    assert "SIMULATED" not in title.subtitle.text


def test_one_backend_is_drawn_alone(small_cohort):
    title = scaling_figure(scaling(small_cohort, (300,), ["compact"])).layout.title.text
    assert title.startswith("Compact fits ")
