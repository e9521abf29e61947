"""One audit of a large folder in a process of its own: seconds, passes and the largest memory, as JSON."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from stopwatch import Stopwatch

from clinflu import Audit, Remove
from clinflu.analysis.influence_on import influence_on
from clinflu.analysis.planted import planted_mistakes
from clinflu.analysis.ranking import planted_ranking
from clinflu.data.backends import BACKENDS
from clinflu.errors import DataError
from data_loaders import load

TOP = 10
METHOD = "removal effect"
TRACED_OF_A_CAUSE = 10  # spread evenly, from the worst mistake to the slightest


def main(folder: Path, backend: str) -> None:
    """Load, fit, trace, refit without each strongest patient, and without 1,000 patients."""
    found: dict[str, Any] = {}

    timed = Stopwatch(found)

    cohort = timed("load", lambda: load("parquet", folder))
    audit = timed("fit", lambda: Audit.fit(cohort, backend=BACKENDS[backend]()))
    timed("trust", audit.study.require_trust)
    wrong = timed("mistakes", audit.mistakes)
    timed("first_estimates", lambda: audit.past_patients(str(wrong.index[0]), refit=False))
    timed("estimates", lambda: audit.past_patients(str(wrong.index[1]), refit=False))
    timed("refits", lambda: audit.past_patients(str(wrong.index[1])))
    timed("trace", lambda: audit.trace(str(wrong.index[1])))
    patients = np.unique(audit.study.train.patients)[:1000]
    ids = audit.study.train_ids[np.isin(audit.study.train.patients, patients)]
    timed("refit_without_1000_patients", lambda: audit.what_if(Remove(list(ids))))
    model = audit.study.model
    found |= {
        "rows": len(cohort.frame),
        "training_rows": len(audit.study.split.train),
        "columns": len(model.theta),
        "passes": model.passes,
        "gradient_norm": model.gradient_norm,
        "step_norm": model.step_norm,
        "top_ten": timed("top_ten", lambda: _of_the_top_ten(audit)),
        "planted": timed("planted", lambda: _average_precision(audit)),
    }
    print(json.dumps(found))


def _of_the_top_ten(audit: Audit) -> dict[str, float]:
    """Return, by planted cause, the share of responsible encounters among the ten that pushed hardest to the error."""
    wrong = planted_mistakes(audit.study)
    causes = {one.name: frozenset(one.responsible) for one in audit.study.cohort.planted}
    shares = {}
    for name, responsible in causes.items():
        mistakes = wrong[wrong["cause"] == name].index
        spread = np.unique(np.linspace(0, len(mistakes) - 1, TRACED_OF_A_CAUSE).astype(int)) if len(mistakes) else []
        tops = [influence_on(audit.study, str(mistakes[place])).rows_toward_error(TOP) for place in spread]
        hits = [np.mean([str(audit.study.train_ids[row]) in responsible for row in rows]) for rows in tops]
        shares[name] = float(np.mean(hits)) if hits else float("nan")
    return shares


def _average_precision(audit: Audit) -> dict[str, float]:
    """Return, by planted cause, how well the order of all training encounters parts the responsible from the others."""
    try:
        ranking = planted_ranking(audit.study, methods=(METHOD,), audited_per_cause=TRACED_OF_A_CAUSE)
    except DataError:  # a small table may hold no prediction that a planted cause made wrong
        return {}
    found = ranking.summary.xs(METHOD, level="method")["average_precision"]
    return {str(cause): float(value) for cause, value in found.items()}


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
