"""The page and the terminal view of a check of a source: whole, escaped, offline, and for their owner alone."""

import io
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from clinflu.analysis.source_check import source_check
from clinflu.data import CohortSchema, FeatureSpec, Finding, Provenance, build_cohort
from clinflu.report.source_check_page import auroc, known, period, share, source_check_page
from clinflu.report.source_check_terminal import source_check_view

HOSTILE = "<img src=x onerror=alert(1)>"
CLEAR = "\x1b[2J"
N = 1200
WORDS = dict.fromkeys(("definition", "notes"), (f"{HOSTILE} said",))


def spoilt_cohort():
    """Every text that a source can bring is an attack, and every kind of flag is raised."""
    rng = np.random.default_rng(0)
    outcome = (rng.random(N) < 0.2).astype(int)
    years = np.repeat([2019, 2020], N // 2)
    lab = np.exp(rng.normal(3, 0.2, N)) + 8 * (years == 2020)
    lab[rng.random(N) < 0.04] *= 1000
    rows = pd.DataFrame(
        {
            "id": [f"encounter{k:06d}" for k in range(N)],
            "who": [f"patient{k:06d}" for k in rng.integers(0, 900, N)],
            "event": outcome,
            "lab": np.where(rng.random(N) < 0.1 + 0.6 * outcome, np.nan, lab),
            "level": np.where(outcome == 1, HOSTILE, f"{CLEAR}{HOSTILE} other"),
            "rare": [HOSTILE + "rare" if k < 5 else f"{HOSTILE}{years[k]}" for k in range(N)],
        }
    )
    features = (
        FeatureSpec("lab", f"{HOSTILE} lab", unit=HOSTILE, recorded=HOSTILE),
        FeatureSpec("level", f"{CLEAR}{HOSTILE} level", levels=()),
        FeatureSpec("rare", f"{HOSTILE} rare", levels=()),
    )
    schema = CohortSchema("id", "who", "event", features, outcome_label=f"{HOSTILE} readmitted")
    cohort = build_cohort(rows, schema, Provenance(HOSTILE + CLEAR, "0" * 64, HOSTILE, N, **WORDS))
    finding = Finding(HOSTILE, HOSTILE + CLEAR, HOSTILE, 3, (4, 5))
    return replace(cohort, findings=(finding,), years=pd.Series(years, cohort.frame.index))


@pytest.fixture(scope="module")
def spoilt():
    return source_check(spoilt_cohort())


@pytest.fixture(scope="module")
def found(simulated_cohort):
    return source_check(simulated_cohort)


def printed(check, width=200):
    stream = io.StringIO()
    Console(file=stream, force_terminal=False, width=width).print(source_check_view(check.to_dict()))
    return stream.getvalue()


def text_of(page):
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_it_says_what_it_is(found):
    for shown in (text_of(source_check_page(found)), printed(found)):
        assert "INTERNAL working paper" in shown
        assert "SIMULATED patients" in shown
    real = replace(found, provenance=replace(found.provenance, simulated=False))
    assert "SIMULATED" not in source_check_page(real) + printed(real)


def test_it_loads_and_runs_nothing(found):
    page = source_check_page(found)
    assert "default-src 'none'" in page
    assert not re.findall(r"<(?:script|img|link|iframe|object)|(?:src|href)=| on\w+=", page)
    assert len(page) < 100_000


def test_it_holds_every_variable_and_every_flag(found):
    shown = text_of(source_check_page(found))
    assert len(found.alarms) == 2
    for alarm in found.alarms:
        assert alarm.says in shown
    for one in found.variables:
        assert one.label in shown
    assert f"{found.leakage.alone[0].auroc:.3f}" in shown
    assert found.leakage.bar in shown
    assert "the source has no true dates" in shown


def test_the_terminal_shows_the_flags_on_a_narrow_screen_too(found):
    shown = " ".join(printed(found, width=80).split())
    assert "…" not in shown
    for alarm in found.alarms:
        assert alarm.kind in shown
    assert "Inpatient stays, year before" in printed(found)


def test_hostile_texts_stay_texts(spoilt):
    assert {alarm.kind for alarm in spoilt.alarms} >= {"leakage", "missingness", "value", "drift"}
    page = source_check_page(spoilt)
    assert "<img" not in page
    assert page.count("&lt;img src=x onerror=alert(1)&gt;") > 20
    assert "\x1b" not in printed(spoilt)
    assert HOSTILE in printed(spoilt)


def test_levels_of_few_patients_and_ids_are_nowhere(spoilt):
    for shown in (source_check_page(spoilt), printed(spoilt, width=400), str(spoilt.to_dict())):
        assert "gt;rare" not in shown
        assert f"{HOSTILE}rare" not in shown
        assert not re.findall(r"(?:encounter|patient)0\d{5}", shown)


def test_smallest_and_largest_numbers_are_nowhere(spoilt):
    lab = spoilt_cohort().frame["lab"]
    shown = source_check_page(spoilt) + printed(spoilt)
    for value in (lab.min(), lab.max()):
        assert f"{value:g}" not in shown
        assert f"{value:.1f}" not in shown


def test_nothing_flagged_is_said_to_be_no_proof(small_cohort):
    check = replace(source_check(small_cohort), suspicious=())  # two of its invented platelet counts are negative
    assert check.alarms == ()
    for shown in (text_of(source_check_page(check)), " ".join(printed(check).split())):
        assert "Nothing was flagged. That is no proof that nothing is wrong." in shown


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0 %"), (0.01, "under 0.1 %"), (11.39, "11.4 %"), (99.999, "99.9 %"), (100.0, "100 %"), (None, "–")],
)
def test_shares_are_none_or_all_only_where_they_are(value, text):
    assert share(value) == text


def test_what_is_not_known_is_a_dash():
    assert (known(None), known("90+"), known(1.50)) == ("–", "90+", "1.5")
    assert (auroc(None), auroc(0.60412)) == ("–", "0.604")
    assert period({"first_year": 2019, "last_year": 2019}) == "2019"
    assert period({"first_year": 2019, "last_year": 2021}) == "2019 to 2021"
