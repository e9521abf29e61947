"""Every family through the whole product: what it says is what its own refits, slopes and sums say."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest

from clinflu import Audit, Edit, Relabel, Remove
from clinflu.analysis.subgroups import Bootstrap
from clinflu.dashboard.app import build
from clinflu.dashboard.screen import REMOVE, Ask
from clinflu.dashboard.state import State
from clinflu.errors import DataError, FitError, StoreError
from clinflu.findings.material import Options
from clinflu.influence.removal import direction_effect
from clinflu.influence.training import TrainingRows
from clinflu.model import FAMILIES
from clinflu.model.logistic import risk_at
from clinflu.model.minimise import minimise
from clinflu.model.mlp import Mlp
from clinflu.model.rbf_svm import RbfSvm
from clinflu.model.smooth_hinge import SmoothHinge
from clinflu.report.subgroup_report import subgroup_report

PATIENCE_S = 120
ASKED = {"smooth_hinge": (SmoothHinge(0.3), 1.0), "rbf_svm": (RbfSvm(0.3, 60), 3.0), "mlp": (Mlp(2), 8.0)}


@pytest.fixture(scope="module", params=sorted(set(FAMILIES) - {"logistic"}))
def audit(request, small_cohort):
    family, penalty = ASKED[request.param]
    return Audit.fit(small_cohort, penalty=penalty, family=family)


@pytest.fixture(scope="module")
def traced(audit):
    return audit.trace(audit.worst_miss())


def refitted_without(audit, rows):
    """Fit the family anew, from where it is, to all rows but some: by hand, and without the product's own refits."""
    train, kept = audit.study.train, np.setdiff1d(np.arange(len(audit.study.train.y)), rows)
    family, left = audit.model.of_margin, (train.x[kept], train.y[kept], train.weights[kept])
    return family.fit(*left, audit.model.penalty, audit.model.theta).theta


def test_a_family_is_asked_for_by_name_and_what_is_none_is_refused(small_cohort):
    assert Audit.fit(small_cohort, family="smooth_hinge").model.of_margin == FAMILIES["smooth_hinge"]
    assert Audit.fit(small_cohort, family="logistic").study.notes == ()
    with pytest.raises(DataError, match="did you mean 'smooth_hinge'"):
        Audit.fit(small_cohort, family="smoth_hinge")
    with pytest.raises(DataError, match="there are: logistic, smooth_hinge, rbf_svm, mlp"):
        Audit.fit(small_cohort, family=3)


def test_risks_that_are_no_log_odds_are_made_so_by_a_line_that_patients_left_out_chose(audit):
    assert audit.model.of_margin.has_log_odds == (audit.model.family == "mlp")
    if audit.model.of_margin.has_log_odds:
        assert audit.model.scale == (0.0, 1.0)
        return
    rows = audit.audited_rows
    assert audit.model.scale[1] > 0
    assert abs(audit.study.risks[rows].mean() - audit.design.y[rows].mean()) < 0.05
    assert any("no log-odds" in note for note in audit.study.notes)


def test_margins_that_tell_nothing_give_no_risk(small_cohort):
    noise = np.random.default_rng(0).integers(0, 2, len(small_cohort.frame))
    blind = replace(small_cohort, frame=small_cohort.frame.assign(readmitted=noise))
    with pytest.raises(FitError, match="do not tell who has the event"):
        Audit.fit(blind, family=SmoothHinge(0.3))


def test_the_refits_of_a_trace_are_those_made_by_hand(audit, traced):
    pushed = traced.pushed_toward_error
    x = audit.study.x(traced.encounter_id)
    for name, said in pushed["risk_change_refit_pp"].head(3).items():
        theta = refitted_without(audit, audit.study.training_positions([name]))
        expected = 100 * (risk_at(audit.model.log_odds_of(x, theta)) - traced.risk)
        assert said == pytest.approx(expected, rel=1e-4, abs=1e-7)
    together = refitted_without(audit, audit.study.training_positions(list(pushed.index)))
    expected = 100 * (risk_at(audit.model.log_odds_of(x, together)) - traced.risk)
    assert traced.together.risk_change_refit_pp == pytest.approx(expected, rel=1e-4, abs=1e-7)


def test_estimates_stand_near_their_refits_and_the_grade_says_how_near(audit, traced):
    both = traced.pushed_toward_error
    assert np.corrcoef(both["risk_change_estimate_pp"], both["risk_change_refit_pp"])[0, 1] > 0.6
    found = audit.check([traced.encounter_id], each=15, groups=2)
    grade = found.grade("single", "one_step")
    assert grade.pearson_r > 0.8
    assert grade.median_relative_error < 0.5


def test_first_order_is_the_slope_in_the_weight_of_an_encounter(audit, traced):
    study, row = audit.study, int(audit.study.training_positions([traced.pushed_toward_error.index[0]])[0])
    effect, step = traced.influence.first_order[row], 1e-4
    sides = []
    for sign in (1, -1):
        weights = study.train.weights.copy()
        weights[row] -= sign * step
        train = study.train
        theta = minimise(audit.model.of_margin, train.x, train.y, weights, audit.model.penalty, audit.model.theta).theta
        sides.append(audit.model.log_odds_of(study.x(traced.encounter_id), theta))
    damped = getattr(audit.model, "damping", 0.0)
    assert damped == 0.0
    assert effect == pytest.approx((sides[0] - sides[1]) / (2 * step), rel=1e-4)


def test_what_each_variable_adds_sums_to_the_log_odds(traced):
    baseline = np.log(traced.baseline_risk / (1 - traced.baseline_risk))
    assert baseline + traced.attribution["log_odds"].sum() == pytest.approx(traced.margin, abs=1e-9)


def test_an_effect_is_split_over_variables_only_where_it_is_a_sum_over_them(audit, traced):
    past = str(traced.pushed_toward_error.index[0])
    if not audit.model.of_margin.keeps_columns:
        for ask in (audit.because, audit.decomposition):
            with pytest.raises(DataError, match="no sum over the recorded variables"):
                ask(traced.encounter_id, past)
        with pytest.raises(DataError, match="no odds ratios"):
            audit.coefficients  # noqa: B018
        return
    cells = audit.decomposition(traced.encounter_id, past)
    assert cells.to_numpy().sum() == pytest.approx(traced.influence.margin_change_of(past), rel=1e-9)
    assert "refitted risk would be" in audit.because(traced.encounter_id, past).sentence
    assert audit.odds_ratio_intervals["odds_ratio_low"].notna().all()


def test_the_slope_in_a_recorded_number_is_that_of_refits_with_it_altered(audit, traced):
    study, past = audit.study, str(traced.pushed_toward_error.index[0])
    slope = audit.perturbation(traced.encounter_id, past).loc["age_years", "loss_slope_per_unit"]
    position = int(study.training_positions([past])[0])
    place = study.design.columns.index("age_years")
    step, losses = 1e-3, []
    for sign in (1, -1):
        x = study.train.x.copy()
        x[position, place] += sign * step
        train = study.train
        theta = minimise(audit.model.of_margin, x, train.y, train.weights, audit.model.penalty, audit.model.theta).theta
        margin = audit.model.log_odds_of(study.x(traced.encounter_id), theta)
        losses.append(np.logaddexp(0, margin) - traced.outcome * margin)
    scale = study.encoder.columns[place].scale
    assert slope == pytest.approx((losses[0] - losses[1]) / (2 * step) / scale, rel=1e-3)


def test_what_if_refits_the_family_and_says_who_changes(audit, traced):
    first, second, third = map(str, traced.pushed_toward_error.index[:3])
    refit = audit.what_if(
        Remove([first]), Relabel({second: 1 - int(audit.cohort.outcome[second])}), Edit(third, {"age_years": 30.0})
    )
    assert refit.model.of_margin == audit.model.of_margin
    assert refit.model.scale == audit.model.scale
    x = audit.study.x(traced.encounter_id)
    after = refit.risks([traced.encounter_id]).iloc[0]
    assert after["risk_after"] == pytest.approx(risk_at(audit.model.log_odds_of(x, refit.model.theta)), abs=1e-12)
    assert after["risk_change_low_pp"] < after["risk_change_pp"] < after["risk_change_high_pp"]
    gradient = audit.model.of_margin.gradient(
        refit.model.theta, *(refit_rows := changed_rows(audit, first, second, third))[:2], refit_rows[2]
    )
    assert np.abs(gradient + audit.model.penalty * refit.model.theta).max() < 1e-6


def changed_rows(audit, removed, relabelled, edited):
    study, train = audit.study, audit.study.train
    x, y, weights = train.x.copy(), train.y.copy(), train.weights.copy()
    at = {name: int(study.training_positions([name])[0]) for name in (removed, relabelled, edited)}
    weights[at[removed]] = 0.0
    y[at[relabelled]] = 1.0 - y[at[relabelled]]
    frame = study.train_frame.iloc[[at[edited]]].assign(age_years=30.0)
    x[at[edited]] = study.encoder.encode(frame)[0]
    return x, y, weights


def test_a_saved_audit_comes_back_as_it_was_and_a_foreign_family_does_not(audit, tmp_path):
    audit.save(tmp_path / "audit")
    again = Audit.open(tmp_path / "audit")
    assert again.study.fingerprint == audit.study.fingerprint
    assert again.model.of_margin.options() == audit.model.of_margin.options()
    np.testing.assert_array_equal(again.study.risks, audit.study.risks)
    description = tmp_path / "audit" / "model.json"
    description.write_bytes(description.read_bytes().replace(audit.model.family.encode(), b"unheard_of"))
    with pytest.raises(StoreError):
        Audit.open(tmp_path / "audit")


def test_the_report_is_written_and_says_which_family_it_is(audit, tmp_path):
    options = Options(bootstrap=Bootstrap(20, 0))
    written = subgroup_report(audit, tmp_path / "report", options=options, formats=("html", "json"))
    texts = [path.read_text() for path in written.paths]
    assert all(audit.model.of_margin.title in text for text in texts)
    assert json.loads(next(text for text in texts if text.startswith("{")))


@pytest.mark.usefixtures("without_the_loop_of_a_browser")
def test_the_page_shows_it_as_every_other_model(audit, traced, tmp_path, monkeypatch):
    for variable in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    state = State(audit)
    made = build(state)
    state.choose(traced.encounter_id)
    state.open_past_patients()
    state.open_what_if()
    state.tick(str(traced.pushed_toward_error.index[0]), on=True)
    state.ask(Ask(REMOVE, encounters=state.screen.ticked))
    state.ask_altered()
    end = time.monotonic() + PATIENCE_S
    while state.is_working:
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)
    shown = " ".join(panel.widget.content for panel in made.panels)
    assert audit.model.of_margin.title in made.toolbar.widget.content
    assert "percentage points, refitted" in shown
    assert "worked out for logistic models alone" in shown
    assert not state.error


def test_flip_sets_subgroups_and_drivers_are_those_of_the_family(audit, traced):
    found = audit.flip_set(traced.encounter_id, time_s=8)
    if found.verified:
        theta = refitted_without(audit, audit.study.training_positions(list(found.table.index)))
        assert audit.model.log_odds_of(audit.study.x(traced.encounter_id), theta) > np.log(
            found.threshold / (1 - found.threshold)
        )
    assert audit.subgroups("ward").to_frame().notna().any().any()
    strongest = audit.drivers("loss").encounters(2)
    row = int(audit.study.training_positions([strongest.index[0]])[0])
    theta = refitted_without(audit, [row])
    rows = audit.audited_rows
    losses = [
        (np.logaddexp(0, m) - audit.design.y[rows] * m).mean()
        for m in (audit.model.log_odds(audit.design.x[rows], theta), audit.study.margins[rows])
    ]
    assert strongest["change_refit"].iloc[0] == pytest.approx(losses[0] - losses[1], rel=1e-3, abs=1e-9)


def test_a_direction_given_as_such_is_a_removal_effect(audit):
    train: TrainingRows = audit.study.train
    x = train.x[0]
    both = direction_effect(train, audit.model.direction(x)), audit.study.train.model.direction(x)
    assert both[0].shape == train.y.shape
    assert both[1].shape == audit.model.theta.shape
