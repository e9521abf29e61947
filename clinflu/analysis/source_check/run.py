"""Check a source: what it holds, and what looks wrong in it."""

from clinflu.analysis.source_check.coded import coded
from clinflu.analysis.source_check.drift import drift
from clinflu.analysis.source_check.duplicates import duplicates, row_contents
from clinflu.analysis.source_check.impossible import impossible
from clinflu.analysis.source_check.leakage import leakage
from clinflu.analysis.source_check.result import SourceCheck
from clinflu.analysis.source_check.separators import other_separators
from clinflu.analysis.source_check.sides import sides
from clinflu.analysis.source_check.summary import summary
from clinflu.analysis.source_check.units import other_units
from clinflu.analysis.source_check.variables import variables
from clinflu.data.cohort import Cohort


def source_check(cohort: Cohort) -> SourceCheck:
    """Return what a cohort holds and what looks wrong in it; nothing is fitted and nothing is changed.

    Parameters
    ----------
    cohort : Cohort
        As a loader returns it.
    """
    columns = coded(cohort)
    contents = row_contents(cohort)
    return SourceCheck(
        provenance=cohort.provenance,
        outcome_label=cohort.schema.outcome_label,
        summary=summary(cohort),
        variables=variables(cohort, columns),
        left_out=cohort.findings,
        suspicious=(*impossible(cohort, columns), *other_units(cohort, columns), *other_separators(cohort)),
        duplicates=duplicates(cohort, contents),
        leakage=leakage(cohort, columns),
        sides=sides(cohort, contents),
        drift=drift(cohort, columns),
    )
