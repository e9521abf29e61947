"""The influence of the training encounters of a study on one of its predictions."""

from clinflu.influence.result import Influence
from clinflu.study import Study


def influence_on(study: Study, encounter_id: str) -> Influence:
    """Return the influence of every training encounter on one prediction; one solve and one product with X."""
    study.require_trust()
    row = study.row(encounter_id)
    same = study.patient_codes[study.split.train] == study.patient_codes[row]
    return Influence(
        str(encounter_id),
        study.train_ids,
        study.train,
        study.design.x[row],
        float(study.design.y[row]),
        same,
    )
