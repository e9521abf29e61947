"""Audited rows that are too many for a dense copy are judged alike: to 1e-9, whatever holds the design matrix."""

from dataclasses import replace

import numpy as np
import pytest
from contracts.same import alike, outcome

from clinflu import Audit, Remove
from clinflu.analysis import ANALYSES, support
from clinflu.analysis.audited_metrics import METRICS
from clinflu.analysis.drivers import drivers
from clinflu.analysis.metric_intervals import metric_intervals
from clinflu.analysis.support import support_table
from clinflu.analysis.support_calibration import support_calibration
from clinflu.analysis.tally import shared_groups
from clinflu.data.backends import BACKENDS, Streamed
from clinflu.data.matrix import DesignMatrix, base
from clinflu.errors import ClinfluError, TooLargeError
from clinflu.findings.material import Material, Options
from clinflu.report.subgroup_report import document

HELD = ("compact", "sparse", "streamed")
SIZE = 1e-9
OF_TRAINING = {"training_diagnostics"}  # of few training rows at once, never of audited ones
DRIVEN = [(name, of) for name in METRICS for of in ((None, None), (("ward", "surgical"), "rest"))]


@pytest.fixture(scope="module")
def dense(small_cohort):
    return Audit.fit(small_cohort, backend="dense")


@pytest.fixture(scope="module", params=HELD)
def held(request, dense):
    """The same model; more than a few dense values are never copied out of its matrix."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(base, "LARGEST_DENSE_BYTES", 8 * 20 * len(dense.design.columns))
        patched.setattr(support, "COMPARED_IN_PASSES", support.COMPARED)
        yield Audit(in_backend(dense.study, request.param))


def in_backend(study, name):
    backend = Streamed(part_rows=300) if name == "streamed" else BACKENDS[name]()
    return replace(study, design=replace(study.design, x=backend.encode(study.encoder, study.cohort.frame)))


def both(question, *audits):
    ours, truth = (outcome(lambda one=one: question(one)) for one in audits)
    assert not isinstance(truth, ClinfluError), truth.one_line
    assert not isinstance(ours, ClinfluError), ours.one_line
    alike(ours, truth, SIZE)


def test_the_audited_rows_are_not_copied(held):
    assert isinstance(held.design.x[held.audited_rows], DesignMatrix)


@pytest.mark.parametrize("name", [name for name in ANALYSES if name not in OF_TRAINING])
def test_every_analysis_gives_the_same(name, held, dense):
    both(lambda audit: ANALYSES[name](audit.study), held, dense)


@pytest.mark.parametrize(("metric", "of"), DRIVEN)
def test_drivers_of_every_metric_are_the_same(metric, of, held, dense):
    subgroup, against = of
    asked = {"subgroup": subgroup, "against": against}
    both(lambda audit: drivers(audit.study, metric, **asked).encounters(3), held, dense)
    both(lambda audit: drivers(audit.study, metric, **asked).change, held, dense)


def test_drivers_by_patient_group_and_level_are_the_same(held, dense):
    for question in (lambda one: one.patients(2), lambda one: one.subgroups(2), lambda one: one.split("ward")):
        both(lambda audit, of=question: of(drivers(audit.study, "loss")), held, dense)


def test_intervals_of_some_encounters_are_the_same(held, dense):
    both(lambda audit: metric_intervals(audit.study, audit.audited_rows[::2]), held, dense)


def test_support_is_the_same(held, dense):
    worst = str(dense.mistakes().index[0])
    both(lambda audit: audit.support(worst), held, dense)
    both(lambda audit: audit.support_table(), held, dense)
    both(lambda audit: audit.support_calibration(), held, dense)


def test_what_if_tables_are_the_same(held, dense):
    gone = Remove([str(one) for one in dense.study.train_ids[:200]])
    for question in (lambda one: one.to_frame(), lambda one: one.subgroup_metrics(), lambda one: one.metrics()):
        both(lambda audit, of=question: of(audit.what_if(gone)), held, dense)


def test_why_a_group_is_failed_is_the_same(held, dense):
    both(lambda audit: audit.why("ward", "surgical"), held, dense)


def test_the_sentence_and_the_groups_of_past_encounters_are_the_same(held, dense):
    worst, past = str(dense.mistakes().index[0]), [str(one) for one in dense.study.train_ids[:3]]
    for one in past:
        both(lambda audit, of=one: audit.because(worst, of), held, dense)
    both(lambda audit: shared_groups(audit.study, np.arange(8)), held, dense)


def test_the_report_is_the_same(held, dense):
    def sections(audit):
        made = document(Material(audit, Options(internal=True))).sections
        return [one for one in made if one.key != "provenance"]  # which holds the fingerprint

    both(sections, held, dense)


def test_support_of_too_many_is_refused_in_a_line_that_says_what_to_do(held, dense, monkeypatch):
    monkeypatch.setattr(support, "MOST_EFFECTS", 50 * len(dense.train_rows))
    some = dense.audited_rows[:50]
    for refused in (lambda: support_table(held.study), lambda: support_calibration(held.study)):
        with pytest.raises(TooLargeError, match="give rows= of at most 50 of them") as caught:
            refused()
        assert "\n" not in caught.value.one_line
    both(lambda audit: support_table(audit.study, some), held, dense)
    both(lambda audit: support_calibration(audit.study, rows=some), held, dense)
    both(lambda audit: audit.support_table(rows=some), held, dense)
    both(lambda audit: audit.support_calibration(rows=some), held, dense)
    assert len(support_table(dense.study)) == len(dense.audited_rows)
