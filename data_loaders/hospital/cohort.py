"""A cohort of the records of a hospital: episodes at risk, their label, their variables and scores to compare with."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd

from clinflu.data import Cohort, CohortSchema, Exclusion, Finding, Provenance, ReadmissionSpec, build_cohort
from clinflu.data.episodes import Episodes, episodes
from clinflu.errors import LoaderError
from data_loaders.hospital.features import features
from data_loaders.hospital.laboratory import ANALYTES
from data_loaders.hospital.material import Material
from data_loaders.hospital.origin import Origin
from data_loaders.hospital.records import Records
from data_loaders.hospital.scores import scores
from data_loaders.hospital.timing import NONE, Timeline

SUBGROUPS = ("sex", "race", "admission_type", "admission_source", "disposition", "diagnosis_group")
OLDEST = 130
EVENTS = ("diagnoses", "procedures", "medications", "labs")
KNOWN_BY_DISCHARGE = (
    "No record made after a discharge enters its episode; diagnoses count for a stay from its end, although hospitals "
    "finish their coding later."
)


@dataclass(frozen=True, slots=True, eq=False)
class _Checked:
    """Stays that can be, and what was wrong with the others."""

    stays: pd.DataFrame
    exclusions: tuple[Exclusion, ...]
    findings: tuple[Finding, ...]


def hospital_cohort(records: Records, spec: ReadmissionSpec, origin: Origin) -> Cohort:
    """Return the episodes at risk of a readmission as a cohort.

    Parameters
    ----------
    records : Records
    spec : ReadmissionSpec
        What counts as a readmission.
    origin : Origin

    Raises
    ------
    LoaderError
        The source holds no stay, a stay of its own twice, or no episode at risk.
    """
    checked = _possible(records.stays, origin)
    records, strange = possible_labs(records)
    found = episodes(checked.stays, spec)
    if found.frame.empty:
        raise LoaderError(
            f"{origin.source} holds {len(records.stays):,} stays in hospital, but none is at risk of a readmission as "
            "it is defined; check the definition and that it is the right source"
        )
    frame = found.frame.sort_values(["patient_id", "admitted"])
    timeline = Timeline(frame, found.members, checked.stays.set_index("encounter_id")[["patient_id", "discharged"]])
    material = Material(records, frame, timeline)
    made, compared = list(features(material)), scores(material)
    rows = frame.assign(**{one.spec.name: one.values for one in made}, **compared.values).reset_index()
    schema = CohortSchema(
        encounter_id="encounter_id",
        patient_id="patient_id",
        outcome="readmitted",
        features=tuple(one.spec for one in made),
        outcome_label=spec.event_in_words(),
        subgroups=tuple(name for name in SUBGROUPS if any(one.spec.name == name for one in made)),
        baselines=compared.specs,
    )
    provenance = _provenance(origin, spec, found, checked, len(records.stays))
    years = frame["admitted"].dt.year if origin.true_years else None
    cohort = build_cohort(rows, schema, provenance)
    return replace(cohort, findings=(*origin.findings, *checked.findings, *strange, *_astray(material)), years=years)


def _possible(stays: pd.DataFrame, origin: Origin) -> _Checked:
    """Return the stays that can be; raise if there are none, or if one is there twice."""
    if stays.empty:
        raise LoaderError(f"{origin.source} holds no stay in hospital; check that it is the right source")
    twice = int(stays["encounter_id"].duplicated().sum())
    if twice:
        raise LoaderError(f"{origin.source}: {twice:,} stays have the id of another; keep one row for each stay")
    reasons = {
        "no admission is recorded": stays["admitted"].isna(),
        "discharged before admission": stays["discharged"] < stays["admitted"],
    }
    exclusions, findings, kept = [], [], stays
    for reason, wrong in reasons.items():
        out = wrong.reindex(kept.index)
        if out.any():
            exclusions.append(Exclusion(reason, int(out.sum())))
            findings.append(Finding("stays", "admitted", reason, int(out.sum())))
        kept = kept[~out]
    ages = kept["age_years"]
    strange = ages.notna() & ~ages.between(0, OLDEST)
    if strange.any():
        what = f"an age under 0 or over {OLDEST} years is taken for unknown"
        findings.append(Finding("stays", "age_years", what, int(strange.sum())))
    return _Checked(kept.assign(age_years=ages.mask(strange)), tuple(exclusions), tuple(findings))


def possible_labs(records: Records) -> tuple[Records, tuple[Finding, ...]]:
    """Return the records without laboratory values that nobody who lives can have, and how many there were."""
    labs = records.labs
    if labs is None:
        return records, ()
    out = labs["value"].isna()
    what = "no number, or one in a unit that is not known, is left out"
    findings = [Finding("labs", "value", what, int(out.sum()))] if out.any() else []
    for key, analyte in ANALYTES.items():
        of_it = labs["analyte"] == key
        wrong = of_it & labs["value"].notna() & ~labs["value"].between(*analyte.bounds)
        if wrong.any():
            low, high = analyte.bounds
            what = f"{analyte.label} outside {low:g} to {high:g} {analyte.unit} is left out"
            findings.append(Finding("labs", "value", what, int(wrong.sum())))
        out |= wrong
    return replace(records, labs=labs[~out]), tuple(findings)


def _astray(material: Material) -> Iterator[Finding]:
    """Tell of records that name a stay of another patient, and of tables of which nothing is of anybody in hospital."""
    patients = pd.Index(material.records.stays["patient_id"].unique())
    for name in EVENTS:
        table = getattr(material.records, name)
        if table is None:
            continue
        if (patients.get_indexer(table["patient_id"]) == NONE).all():
            yield Finding(
                name, "patient_id", "holds nothing of a patient with a stay; are ids written alike?", len(table)
            )
        strangers = material.timeline.strangers(table)
        if strangers:
            what = "names a stay of another patient; its time alone tells to which stay it belongs"
            yield Finding(name, "encounter_id", what, strangers)


def _provenance(origin: Origin, spec: ReadmissionSpec, found: Episodes, checked: _Checked, read: int) -> Provenance:
    return Provenance(
        origin.source,
        origin.sha256,
        origin.loader,
        read,
        (*checked.exclusions, *(one for one in found.exclusions if one.rows)),
        simulated=origin.simulated,
        definition=spec.in_words(),
        notes=(*origin.notes, *found.notes, KNOWN_BY_DISCHARGE),
    )
