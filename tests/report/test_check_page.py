"""The page and the terminal view of a check say its grades, open offline, and are for their owner alone."""

import io
import json
import re
from dataclasses import replace

import pytest
from rich.console import Console
from scipy import stats

from clinflu.analysis.check import Plan, check
from clinflu.analysis.check.result import Check
from clinflu.analysis.check.values import check_values, sentence
from clinflu.data.pseudonym import Pseudonyms
from clinflu.report.check_page import check_page, correlation, per_cent, points, share, slope
from clinflu.report.check_terminal import check_view
from clinflu.report.files import as_json

HOSTILE = "<img src=x onerror=alert(1)>"
NAMES = Pseudonyms(b"k" * 32)
PRINTED = (("single", "one_step"), ("group", "newton"))


@pytest.fixture(scope="module")
def found(small_study):
    return check(small_study, plan=Plan(10, 10, 6))


@pytest.fixture(scope="module")
def page(found):
    return check_page(found, NAMES)


def without_scripts(page):
    return re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


def printed(found, width=200):
    stream = io.StringIO()
    Console(file=stream, force_terminal=False, width=width).print(check_view(check_values(found, NAMES)))
    return stream.getvalue()


def cells(page, prediction):
    """The rows of the table of all predictions (0) or of one of them."""
    table = re.findall(r"<table>.*?</table>", without_scripts(page), flags=re.DOTALL)[prediction]
    rows = re.findall(r"<tr>(<td.*?)</tr>", table, flags=re.DOTALL)
    return [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in rows]


def test_it_says_what_it_is(page):
    text = without_scripts(page)
    assert "INTERNAL working paper" in text
    assert "SIMULATED patients" in text


def test_pages_of_real_patients_do_not_say_simulated(found):
    page = check_page(replace(found, provenance=replace(found.provenance, simulated=False)), NAMES)
    assert "SIMULATED" not in without_scripts(page)
    assert "SIMULATED" not in "".join(re.findall(r"Plotly\.newPlot\(.*", page))


def test_it_loads_nothing_and_holds_plotly_once(page):
    assert "default-src 'none'" in page
    assert not re.findall(r"<(?:script|img|link|iframe)[^>]*(?:src|href)=", page)
    assert page.count('"showSendToCloud": false') == 1
    assert 4e6 < len(page) < 6e6


def test_its_table_holds_every_grade(page, found):
    rows = cells(page, 0)
    frame = found.to_frame()
    pooled = frame[frame["place"] == -1]
    assert len(rows) == len(pooled) == 18
    for shown, (_, row) in zip(rows, pooled.iterrows(), strict=True):
        grade = found.grade(row["kind"], row["method"])
        assert shown[1] == grade.what.removesuffix(" estimate")
        assert shown[2] == f"{grade.removals:,}"
        assert shown[3] == correlation(grade.pearson_r)
        assert shown[4] == slope(grade.slope)
        assert shown[5] == per_cent(100 * grade.median_relative_error)
        assert shown[6] == per_cent(100 * grade.largest_relative_error)
        assert shown[7] == points(grade.largest_error)
        assert shown[8] == share(100 * grade.sign_agreement)


def test_each_prediction_has_a_table_of_its_own_grades(page, found):
    for place in range(5):
        rows = cells(page, place + 1)
        assert len(rows) == 6
        grade = found.grade_of(place, "group", "newton")
        assert rows[5][2:4] == [str(grade.removals), correlation(grade.pearson_r)]
        assert NAMES.encounter(found.checked[place].encounter_id) in without_scripts(page)


def test_no_id_of_the_source_is_anywhere(page, found, small_study):
    ids = {*small_study.cohort.frame.index, *small_study.cohort.patients}
    text = without_scripts(page) + "".join(re.findall(r"Plotly\.newPlot\(.*?</script>", page, flags=re.DOTALL))
    for shown in (text, as_json(check_values(found, NAMES)), printed(found)):
        assert not ids & set(re.findall(r"\w+", shown))


def test_hostile_values_stay_text(found):
    spoilt = replace(found, provenance=replace(found.provenance, source=HOSTILE + "\x1b[2J", loader=HOSTILE))
    text = without_scripts(check_page(spoilt, NAMES))
    assert "<img" not in text
    assert text.count("&lt;img src=x onerror=alert(1)&gt;") == 2
    assert "\x1b" not in printed(spoilt)


def test_the_terminal_shows_the_same_grades(found):
    text = printed(found)
    assert text.startswith("INTERNAL working paper: not for distribution. SIMULATED patients.")
    for kind, method in (("single", "one_step"), ("group", "newton"), ("subgroup", "first_order")):
        grade = found.grade(kind, method)
        wanted = [f"{grade.removals}", correlation(grade.pearson_r), slope(grade.slope)]
        assert re.search(r"\s+".join(map(re.escape, wanted)), text)
    for one in found.checked:
        assert NAMES.encounter(one.encounter_id) in text


def test_no_figure_is_broken_on_a_narrow_terminal(found):
    narrow = printed(found, width=80)
    assert "…" not in narrow
    for row in check_values(found, NAMES)["grades"]:
        wanted = (correlation(row["pearson_r"]), slope(row["slope"]), per_cent(row["median_error_percent"])[:-2])
        assert re.search(r"\s+".join(map(re.escape, wanted)), narrow)


def test_the_sentence_names_the_nearest_estimate(found):
    values = check_values(found, NAMES)
    best = min(
        (found.grade("single", method) for method in ("first_order", "second_order", "one_step")),
        key=lambda grade: grade.median_relative_error,
    )
    assert f"The model was refitted {found.refits} times" in values["sentence"]
    assert f"For one encounter at a time the {best.what} has the smallest median error" in values["sentence"]
    assert f"error, {per_cent(100 * best.median_relative_error)} of the refit" in values["sentence"]


def test_the_sentence_names_what_views_print_and_how_well_it_ranks(found):
    ranks = [
        stats.spearmanr(part.estimates_pp["one_step"], part.refit_pp).statistic
        for part in found.points
        if part.kind == "single"
    ]
    assert found.rank_correlation("single", "one_step") == pytest.approx(min(ranks), abs=1e-12)
    said = sentence(found)
    assert "Views print the one-step estimate for one encounter and the Newton estimate for a group. Here" in said
    lowest = min(*ranks, found.rank_correlation("group", "newton"))
    largest = max(found.grade(kind, method).largest_error for kind, method in PRINTED)
    assert f"(rank correlation {correlation(lowest)} or more)" in said
    assert f"a size can be off by up to {points(largest)} percentage points: go by the refit" in said


def test_estimates_that_do_not_rank_are_not_praised(found):
    part = next(one for one in found.points if one.kind == "single")
    shuffled = replace(part, estimates_pp={**part.estimates_pp, "one_step": part.estimates_pp["one_step"][::-1]})
    said = sentence(replace(found, points=(shuffled, *found.points[1:])))
    assert "Here they rank only roughly" in said
    assert "nearly the same order" not in said


def test_grades_read_back_are_shown_without_names(found, small_study):
    kept = Check.from_dict(json.loads(json.dumps(found.to_dict())), small_study)
    text = without_scripts(check_page(kept, NAMES))
    assert cells(text, 0) == cells(check_page(found, NAMES), 0)
    assert "Prediction 1: worst miss" in text
    assert "E-" not in text
    assert "Prediction 1: worst miss" in printed(kept)


def test_without_groups_there_is_no_row_for_them(small_study):
    single = check(small_study, plan=Plan(5, 5, 0))
    assert len(cells(check_page(single, NAMES), 0)) == 3
    assert "group" not in check_values(single, NAMES)["sentence"].split(". ", 1)[1]
    assert "all groups" not in printed(single)


def test_what_is_left_out_is_counted_where_the_grade_stands(found):
    part = found.points[0]
    without = replace(part, refit_pp=part.refit_pp * float("nan"))
    spoilt = replace(found, checked=found.checked[:1], points=(without,))
    values = check_values(spoilt, NAMES)
    assert json.loads(as_json(values))["grades"][0]["pearson_r"] is None
    assert "no refit is large enough" in values["sentence"]
    assert cells(check_page(spoilt, NAMES), 0)[0][3:] == ["–"] * 6 + ["20 / 0 / 0"]
    assert "20+0+0" in printed(spoilt)


@pytest.mark.parametrize(("value", "text"), [(100.0, "100 %"), (99.99, "99.9 %"), (98.72, "98.7 %"), (None, "–")])
def test_only_all_of_them_are_a_hundred_per_cent(value, text):
    assert share(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(14.01, "14.0"), (0.0123, "0.012"), (0.0009, "under 0.001"), (0.0, "under 0.001"), (None, "–")]
)
def test_sizes_are_in_percentage_points_to_two_digits(value, text):
    assert points(value) == text
