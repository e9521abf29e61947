"""The figures of the case study show its numbers."""

import numpy as np

from clinflu.analysis import case_study
from clinflu.analysis.case_study import CaseStudy, PastPatient
from clinflu.figures.case_study import case_study_figure, children_figure


def patient(position, age, estimate, refit):
    return PastPatient(
        position, age, readmitted=True, loss_change=estimate, loss_change_refit=refit, risk_change_refit=0.0
    )


def child(position, before, after, *, back):
    return case_study.TestChild(position, back, before, after)


STUDY = CaseStudy(
    train={},
    fit={},
    test={},
    audited={},
    harmful=(
        patient(7, "[0-10)", -0.12, -0.125),
        patient(3, "[60-70)", -0.01, -0.011),
    ),
    helpful=(patient(9, "[0-10)", 0.10, 0.111),),
    ratio_to_next={},
    child_coefficient_rank=13,
    children_top_variable=(),
    concentration=3.9,
    children=(child(1, 0.2, 0.5, back=False), child(2, 0.3, 0.6, back=True)),
)


def test_each_patient_has_its_refit_and_its_estimate():
    refits, estimates = case_study_figure(STUDY).data
    np.testing.assert_allclose(refits.x, [-0.125, -0.011, 0.111])
    np.testing.assert_allclose(estimates.x, [-0.12, -0.01, 0.10])
    assert refits.marker.color[0] == refits.marker.color[2] != refits.marker.color[1]


def test_children_are_drawn_by_what_happened_to_them():
    healthy, readmitted, _ = children_figure(STUDY).data
    assert (list(healthy.x), list(healthy.y)) == ([20.0], [50.0])
    assert (list(readmitted.x), list(readmitted.y)) == ([30.0], [60.0])
