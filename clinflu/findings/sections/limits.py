"""Section: what the report cannot say."""

from clinflu.analysis.metric_intervals import FEWEST_OF_A_CLASS, FEWEST_PATIENTS
from clinflu.findings.document import Section, Words
from clinflu.findings.material import TEACHERS, Material
from clinflu.findings.titles import TITLES

KEY = "limits"
FEW_EVENTS = 100
USUAL_DRAWS = 1000


def section(material: Material) -> Section:
    """Return the section."""
    everyone = material.table.everyone
    said = [
        (
            "The audited patients come from the same source and years as those who taught the model: this is internal "
            "validation. It says nothing of other hospitals or of later years."
        ),
        (
            "Readmissions to other hospitals, planned readmissions and deaths after discharge are known only as far "
            "as the source records them; where they are not, the outcome itself is in part wrong."
        ),
        (
            f"No figure is given for fewer than {FEWEST_PATIENTS} patients, or where fewer than {FEWEST_OF_A_CLASS} "
            f"events (or encounters without one) carry it. Calibration and AUROC of groups with fewer than "
            f"{FEW_EVENTS} events are uncertain even where they are given: read the interval, not the figure."
        ),
        (
            "Most predictions that turn out wrong are chance: at a risk of 10 % one patient in ten has the event. A "
            "subgroup in which the model errs more often is no proof that the model, or the care, treats it badly."
        ),
        "Influence is of the training rows on this model, proven by refits; it is not a causal effect on patients.",
    ]
    if material.may_be_counted and everyone.events < FEW_EVENTS:
        said.insert(0, f"Only {everyone.events} audited encounters had the event: every figure here is uncertain.")
    if material.study.judges_its_teachers:
        said[0] = TEACHERS
    draws = material.options.bootstrap.replicates
    if draws < USUAL_DRAWS:
        said.insert(
            0,
            f"The bootstrap intervals rest on {draws:,} draws of patients and are rough: make the report again with "
            f"{USUAL_DRAWS:,} or more before it is handed on.",
        )
    if material.study.cohort.provenance.simulated:
        said.insert(0, "These patients are SIMULATED: nothing here says anything about real care.")
    if not material.internal:
        said.append(
            "Small cells are folded away, so what the report shows of rare levels is coarser than what is known; "
            "the INTERNAL report shows all."
        )
    return Section(KEY, TITLES[KEY], (Words(tuple(said), listed=True),))
