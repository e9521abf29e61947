"""The sections of a report say what the analyses found, and no more than may be seen."""

import json

import numpy as np
import pytest
from findings.random_cohorts import random_audit
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from clinflu import Audit
from clinflu.analysis.subgroups import MEASURES, Bootstrap
from clinflu.data.cohort import Exclusion
from clinflu.errors import DataError
from clinflu.findings.document import Chart, Column, Document, Section, Table, Words
from clinflu.findings.explained import explained_groups
from clinflu.findings.material import Material, Options
from clinflu.findings.sections import SECTIONS, TITLES, limits
from clinflu.findings.sections.data import shown_exclusions

QUICK = Bootstrap(50)


@pytest.fixture(scope="module")
def exported(simulated_audit):
    return Material(simulated_audit, Options(bootstrap=QUICK))


@pytest.fixture(scope="module")
def internal(simulated_audit):
    return Material(simulated_audit, Options(bootstrap=QUICK, internal=True))


@pytest.fixture(scope="module")
def sections(exported):
    return {key: section(exported) for key, section in SECTIONS.items()}


def part_of(section, key):
    return next(part for part in section.parts if getattr(part, "key", "") == key)


@pytest.mark.parametrize("key", SECTIONS)
@pytest.mark.parametrize("kind", ["exported", "internal"])
def test_a_section_is_made_of_parts_that_every_format_can_hold(key, kind, request):
    section = SECTIONS[key](request.getfixturevalue(kind))
    assert isinstance(section, Section)
    assert section.key == key
    assert section.title == TITLES[key]
    assert section.parts
    tables = {part.key: part for part in section.parts if isinstance(part, Table)}
    for part in section.parts:
        assert isinstance(part, Words | Table | Chart)
        if isinstance(part, Chart):
            assert part.table in tables
            assert part.says
            json.dumps(part.spec, allow_nan=False)
        if isinstance(part, Table):
            assert all(len(row) == len(part.columns) for row in part.rows)
            json.dumps(part.rows, allow_nan=False)
        if isinstance(part, Words):
            assert all(part.paragraphs)


def test_the_sections_make_a_document(sections):
    document = Document("title", tuple(sections.values()), internal=False, simulated=True)
    assert len({table.key for table in document.tables()}) == len(document.tables())


def test_two_parts_of_one_key_are_refused():
    table = Table("same", "t", (), ())
    with pytest.raises(DataError, match="more than one same"):
        Document("t", (Section("s", "S", (table, table)),), internal=False, simulated=False)


def test_the_flowchart_adds_up(sections, simulated_audit):
    steps = {row["step"]: row["encounters"] for row in part_of(sections["data"], "flowchart").records()}
    excluded = sum(count for step, count in steps.items() if step.startswith("excluded"))
    assert steps["encounters read"] - excluded == steps["encounters at risk"] == len(simulated_audit.cohort.frame)
    parts = [steps[f"{name} encounters"] for name in ("training", "audited", "confirming")]
    assert sum(parts) == steps["encounters at risk"]


def test_the_figures_of_everyone_are_those_of_the_table(sections, exported):
    everyone = exported.table.everyone
    rows = {row["measure"]: row for row in part_of(sections["performance"], "performance").records()}
    for name, measure in MEASURES.items():
        assert rows[measure.label]["value"] == round(everyone.estimates[name].value, 4)


def test_every_subgroup_of_the_table_is_in_the_section(sections, exported):
    shown = {(row["variable"], row["level"]): row for row in part_of(sections["subgroups"], "subgroup_fit").records()}
    for one in exported.table.groups:
        found, estimate = shown[one.label, one.level], one.estimates["auroc"]
        assert found["encounters"] == one.encounters
        assert found["auroc"] == (estimate.withheld or round(estimate.value, 3))


def test_levels_whose_outcomes_may_not_be_counted_are_in_the_section_on_the_data_alone(sections, exported):
    told = {(row["variable"], row["level"]) for row in part_of(sections["subgroups"], "subgroup_outcomes").records()}
    sized = {(row["variable"], row["level"]) for row in part_of(sections["data"], "characteristics").records()}
    label = exported.sizes("age_group").label
    assert (label, "children (under 20)") in sized - told


def test_the_internal_section_shows_the_children(internal):
    rows = part_of(SECTIONS["subgroups"](internal), "subgroup_outcomes").records()
    children = [row for row in rows if str(row["level"]).startswith("children")]
    assert children
    assert isinstance(children[0]["events"], int)


def test_the_notable_differences_are_those_of_small_q(sections):
    differences = part_of(sections["subgroups"], "subgroup_differences")
    assert differences.files_only
    kept = part_of(sections["subgroups"], "notable_differences")
    assert all(row["q"] <= 0.05 for row in kept.records())
    assert set(kept.rows) <= set(differences.rows)


def test_no_coefficient_of_a_level_with_few_events_is_shown(sections, simulated_audit):
    train, frame = simulated_audit.train_rows, simulated_audit.cohort.frame
    rows = part_of(sections["model"], "coefficients").records()
    told, rare = {(row["variable"], row["level"]) for row in rows}, 0
    for spec in simulated_audit.cohort.schema.categories:
        for level, inside in frame.iloc[train].groupby(spec.name, observed=True).groups.items():
            events = int(simulated_audit.cohort.outcome[inside].sum())
            rare += 0 < events <= 10
            assert not (0 < events <= 10 and (spec.label, str(level)) in told)
    assert rare > 10
    assert len(told) > 50


def test_the_internal_report_draws_what_the_model_is_worth_at_every_threshold(internal):
    section = SECTIONS["calibration"](internal)
    assert {part.key for part in section.parts if isinstance(part, Chart)} >= {"decision_chart", "decision_gain_chart"}
    assert len({row["threshold"] for row in part_of(section, "decision_curve").records()}) >= 39


def test_the_explained_groups_fail_beyond_chance(internal):
    for one in explained_groups(internal.table, internal.compared, most=None):
        worse = one.differences["auroc"].value < 0 and one.differences["auroc"].q <= 0.05
        off = min(one.differences[name].q for name in ("calibration_intercept", "calibration_slope")) <= 0.05
        assert worse or off


def test_why_shows_no_patient_and_no_number_of_alerts(sections):
    text = json.dumps([part.rows for part in sections["why"].parts if isinstance(part, Table)])
    assert "alerts" not in text
    keys = {column.key for part in sections["why"].parts if isinstance(part, Table) for column in part.columns}
    assert not {key for key in keys if "alerts" in key or "encounter_id" in key}


def test_small_exclusions_are_put_together():
    many, few, fewer = Exclusion("died", 400), Exclusion("hospice", 8), Exclusion("transferred", 4)
    assert shown_exclusions((many, few, fewer), internal=False) == (many, Exclusion("transferred; hospice", 12))
    assert shown_exclusions((many, few), internal=False) == (Exclusion("hospice; died", 408),)
    assert shown_exclusions((few,), internal=False) is None
    assert shown_exclusions((few,), internal=True) == (few,)
    assert shown_exclusions((many, Exclusion("none", 0)), internal=False) == (many, Exclusion("none", 0))


def test_a_cohort_with_hidden_exclusions_does_not_say_how_many_rows_were_read():
    for seed in range(30):
        audit = random_audit(seed)
        (excluded,) = (one.rows for one in audit.cohort.provenance.exclusions)
        steps = {row["step"] for row in part_of(SECTIONS["data"](Material(audit, Options())), "flowchart").records()}
        assert ("encounters read" in steps) == (excluded != 3)


def test_a_variable_that_is_not_there_is_refused_before_anything_is_computed(simulated_audit):
    with pytest.raises(DataError, match="did you mean 'gender'"):
        _ = Material(simulated_audit, Options(("gendre",))).asked


def test_a_report_by_no_variable_is_refused(simulated_audit):
    with pytest.raises(DataError, match="no variable is named"):
        _ = Material(simulated_audit, Options(())).asked


def test_values_are_rounded_as_they_are_published():
    count, share, number = Column("a", "A", "count"), Column("b", "B", "share"), Column("c", "C", "number", 1)
    assert count.rounded(12.0) == 12
    assert share.rounded(0.12345) == 0.123
    assert number.rounded(-0.04) == 0.0
    assert str(number.rounded(-0.04)) == "0.0"
    assert share.rounded(np.nan) is None
    assert share.rounded("withheld") == "withheld"
    assert share.rounded(None) is None


@pytest.mark.parametrize(("draws", "rough"), [(999, True), (1000, False)])
def test_intervals_from_few_draws_are_called_rough(simulated_audit, draws, rough):
    material = Material(simulated_audit, Options(bootstrap=Bootstrap(draws)))
    said = " ".join(limits.section(material).parts[0].paragraphs)
    assert ("are rough" in said) is rough
    assert (f"{draws:,} draws of patients" in said) is rough


@pytest.mark.parametrize("rows", ["training", "all"])
def test_an_adopted_model_is_described_as_it_is(simulated_audit, rows):
    cohort = simulated_audit.cohort
    frame, outcome = cohort.frame[["time_in_hospital", "number_inpatient"]], cohort.outcome.to_numpy()
    chosen = simulated_audit.train_rows if rows == "training" else slice(None)
    final = LogisticRegression(C=1.0, class_weight="balanced", solver="newton-cholesky", tol=1e-12)
    audit = Audit.adopt(cohort, make_pipeline(StandardScaler(), final).fit(frame.iloc[chosen], outcome[chosen]))
    assert audit.adoption.rows == rows
    material = Material(audit, Options(("gender",), bootstrap=QUICK))
    said = json.dumps(
        [part.paragraphs for key in SECTIONS for part in SECTIONS[key](material).parts if isinstance(part, Words)]
    )
    assert "No class was weighted" not in said
    assert "Categories enter as one column" not in said
    assert ("that it had not seen" in said) is (rows == "training")
    assert ("every figure flatters it" in said) is (rows == "all")
