"""Data hash, code version, seed, options, library versions and date of a report."""

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from clinflu.findings.material import Material
from clinflu.model.family import options_words

LIBRARIES = (
    "numpy",
    "scipy",
    "pandas",
    "statsmodels",
    "scikit-learn",
    "torch",
    "plotly",
    "choreographer",
    "xlsxwriter",
)


def origin(material: Material) -> dict[str, Any]:
    """Return what a report was made from, by name; plain values."""
    study, options = material.study, material.options
    provenance = study.cohort.provenance
    return {
        "source": provenance.source,
        "source sha256": provenance.sha256,
        "loader": provenance.loader,
        **({"definition of the event": " ".join(provenance.definition)} if provenance.definition else {}),
        **({"left open by the source": " ".join(provenance.notes)} if provenance.notes else {}),
        "simulated patients": "yes" if provenance.simulated else "no",
        "cohort sha256": study.cohort.content_hash,
        "study sha256": study.fingerprint,
        "family of the model": " ".join(filter(None, [study.model.family, options_words(study.model.of_margin)])),
        "penalty": study.penalty,
        "seed of the split": study.seed,
        "alert threshold": round(material.threshold, 4),
        "variables": ", ".join(material.asked),
        "bootstrap replicates": options.bootstrap.replicates,
        "seed of the bootstrap": options.bootstrap.seed,
        "small cells": "shown: INTERNAL" if material.internal else "1 to 10 never shown",
        "clinflu": version("clinflu"),
        "Python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
        "made on": datetime.now(UTC).date().isoformat(),
    }
