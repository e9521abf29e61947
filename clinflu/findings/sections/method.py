"""Section: how every figure was made."""

from clinflu.findings.document import Section, Words
from clinflu.findings.material import TEACHERS, Material
from clinflu.findings.titles import TITLES
from clinflu.model.base import FittedModel
from clinflu.model.family import options_words
from clinflu.study import Study

KEY = "method"
SPLIT = "Split: by patient at random, 60 % training, 20 % audited, 20 % confirming."
ARRIVED = "the step still to go is under 1e-10 in every coefficient and the mean gradient under 1e-12."
FITTED = f"penalised logistic regression, fitted by Newton's method until {ARRIVED}"
CONVEX = f"with an L2 penalty, fitted by Newton's method until {ARRIVED}"
SEEDED = f"with an L2 penalty, fitted by L-BFGS from a seeded start and then by Newton's method until {ARRIVED}"
UNWEIGHTED = "No class was weighted, and none resampled."
LINE = (
    "Log-odds: margins m become a + b m by a logistic regression of the outcome on the margin of each training "
    "encounter under the model without its patient, estimated by one Newton step (Platt 1999). Refits keep that line, "
    "and intervals of risks and coefficients take it as known: what sampling does to the line is not in them."
)
LEARNED = " Levels and scales are learned on the training rows and stay as they are in every refit."
ADOPTED = (
    f"Model: the hospital's own, checked against its refit with its own columns, penalty and class weights: {FITTED} "
    "How it was built before, and whether any class was resampled, is not known here."
)
ALWAYS = (
    (
        "Proportions: Wilson (1927) on counts divided by the design effect of the patients (Dean & Pagano 2015). "
        "AUROC: DeLong et al. (1988) where no patient is there twice. Everything else: a bootstrap that draws "
        "patients with all their encounters, the same draws for all subgroups, with t quantiles on the scale of the "
        "measure (log-odds for shares, log for observed : expected). Differences to the complement: from the limits "
        "of both sides and the correlation of their draws (Zou & Donner 2008)."
    ),
    (
        "Calibration-in-the-large: the intercept of a logistic regression of the outcome on the log-odds of the risk "
        "with slope 1; calibration slope: with the slope free (Cox 1958; Van Calster et al. 2019). Smoothed "
        "calibration: a restricted cubic spline of the log-odds. No Hosmer-Lemeshow test."
    ),
    "Net benefit: true alerts less false alerts times the odds of the threshold, per encounter (Vickers et al. 2019).",
    "Many subgroups are looked at, so differences are corrected by Benjamini and Hochberg (1995) over all of them.",
    (
        "Weak subgroups: every combination of one to three variables with enough encounters is considered on the "
        "audited rows (bounds of Sagadeeva & Boehm 2021 leave out only what cannot be among the worst), and the "
        "worst are tested on the confirming rows, which neither the model nor the search has seen."
    ),
)
INFLUENCE = (
    "Influence: the change of a subgroup's mean loss when training encounters are left out, estimated by one "
    "Newton step (Koh & Liang 2017; Pregibon 1981) and proven by refitting the model without them."
)
NEAR = " Its loss has several optima: a refit starts from the fitted model and stays near it."
EXPORT = (
    "Disclosure control: counts of 1 to 10 are never shown and cannot be worked out. Levels are put together until "
    "every count by part, outcome and alert is 0 or over 10; neighbouring bands with each other, rare categories as "
    "one. A variable that is part of another is put together to the same ends. Intersections are shown on levels put "
    "together likewise, and only as many as form a tree, for which the bounds of Dobra & Fienberg (2000) show that "
    "no cell of the full table follows. Curves are drawn at thresholds between which more than 10 events and 10 "
    "others lie. Patients are rounded to ten, ages over 89 are 90+, influences are rounded, and no encounter or "
    "patient is named."
)


def section(material: Material) -> Section:
    """Return the section."""
    near = "" if material.study.model.of_margin.is_linear else NEAR
    said = (*_fitted(material.study), *ALWAYS, INFLUENCE + near, *(() if material.internal else (EXPORT,)))
    return Section(KEY, TITLES[KEY], (Words(said, listed=True),))


def _fitted(study: Study) -> tuple[str, ...]:
    """Say how the rows were divided and the model was fitted."""
    if study.is_adopted:
        return (TEACHERS if study.judges_its_teachers else SPLIT, ADOPTED)
    line = () if study.model.of_margin.has_log_odds else (LINE,)
    return (SPLIT + LEARNED, f"Model: {_how(study.model)} {UNWEIGHTED}", *line)


def _how(model: FittedModel) -> str:
    """Say what was fitted, and how."""
    if model.is_logistic:
        return FITTED
    form = model.of_margin
    return f"{form.title[0].lower()}{form.title[1:]} ({options_words(form)}), {CONVEX if form.is_linear else SEEDED}"
