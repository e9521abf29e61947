"""A report says of a model of another family what it is, and nothing that is true of a logistic regression alone."""

import pytest

from clinflu import Audit
from clinflu.analysis.subgroups import Bootstrap
from clinflu.findings.document import Table, Words
from clinflu.findings.material import Material, Options
from clinflu.findings.origin import origin
from clinflu.findings.sections import SECTIONS
from clinflu.model.mlp import Mlp
from clinflu.model.rbf_svm import RbfSvm
from clinflu.model.smooth_hinge import SmoothHinge

FITTED = {
    "logistic": ("logistic", 1.0, "penalised logistic regression, fitted by Newton"),
    "smooth_hinge": (
        SmoothHinge(0.3),
        1.0,
        "machine with a smooth hinge (temperature 0.3), with an L2 penalty, fitted",
    ),
    "rbf_svm": (RbfSvm(0.3, 60), 3.0, "with a Gaussian kernel (temperature 0.3, landmarks 60, gamma "),
    "mlp": (
        Mlp(2),
        8.0,
        "one hidden layer (hidden 2, seed 0), with an L2 penalty, fitted by L-BFGS from a seeded start",
    ),
}
OTHERS = sorted(set(FITTED) - {"logistic"})


@pytest.fixture(scope="module")
def materials(small_cohort):
    options = Options(bootstrap=Bootstrap(20), internal=True)
    return {
        name: Material(Audit.fit(small_cohort, penalty=penalty, family=family), options)
        for name, (family, penalty, _) in FITTED.items()
    }


def text_of(section):
    said = []
    for part in section.parts:
        if isinstance(part, Words):
            said += part.paragraphs
        if isinstance(part, Table):
            said += [part.title, part.note, *(column.label for column in part.columns), *map(str, part.rows)]
    return " ".join(said)


@pytest.mark.parametrize("name", FITTED)
def test_the_method_says_what_was_fitted_and_how(materials, name):
    said = text_of(SECTIONS["method"](materials[name]))
    assert FITTED[name][2] in said
    assert ("penalised logistic regression" in said) is (name == "logistic")
    assert ("No class was weighted" in said) is True
    assert ("Platt" in said) is (not materials[name].study.model.of_margin.has_log_odds)
    assert ("several optima" in said) is (name == "mlp")


@pytest.mark.parametrize("name", OTHERS)
def test_no_section_calls_it_a_logistic_regression(materials, name):
    for key in ("summary", "model", "checklists"):
        said = text_of(SECTIONS[key](materials[name])).replace("not a logistic regression", "").lower()
        assert "logistic regression" not in said, key


@pytest.mark.parametrize("name", ["rbf_svm", "mlp"])
def test_a_model_without_coefficients_of_columns_shows_no_odds_ratio(materials, name):
    section = SECTIONS["model"](materials[name])
    assert not [part for part in section.parts if isinstance(part, Table)]
    assert "there is no odds ratio to show" in text_of(section)


def test_the_odds_ratios_of_a_support_vector_machine_say_where_they_come_from(materials):
    notes = {
        name: next(part.note for part in SECTIONS["model"](materials[name]).parts if isinstance(part, Table))
        for name in ("logistic", "smooth_hinge")
    }
    assert "by the line through the margins, which intervals take as known" in notes["smooth_hinge"]
    assert "line" not in notes["logistic"]


def test_the_provenance_names_the_family_and_what_it_was_asked_for(materials):
    found = {name: origin(material)["family of the model"] for name, material in materials.items()}
    assert found["logistic"] == "logistic"
    assert found["smooth_hinge"] == "smooth_hinge temperature 0.3"
    assert found["mlp"] == "mlp hidden 2, seed 0"
    assert found["rbf_svm"].startswith("rbf_svm temperature 0.3, landmarks 60, gamma ")
    assert "is_exact" not in found["rbf_svm"]
