"""Section: where the rows come from, who was left out, and who is in which part."""

from clinflu.analysis.groupings import Grouping
from clinflu.data.cohort import Exclusion
from clinflu.figures.flowchart import flowchart_spec
from clinflu.findings.disclosure import is_small
from clinflu.findings.document import Chart, Column, Section, Table, Words
from clinflu.findings.material import TEACHERS, WITHHELD, Material
from clinflu.findings.titles import TITLES

KEY = "data"
DIVIDED = (
    "Patients, never encounters, were divided at random: 60 % taught the model, 20 % are audited here, and 20 % were "
    "kept to confirm what the audit found. No patient is in two parts."
)
COUNTED = "What counts:"
LEFT_OPEN = "What the source leaves open:"
PARTS = {"train": "training", "audited": "audited", "confirm": "confirming"}


def section(material: Material) -> Section:
    """Return the section."""
    flow = _flowchart(material)
    provenance = material.study.cohort.provenance
    words = Words(
        (
            (
                f"Source: {provenance.source}, read by the loader {provenance.loader}. An encounter is a stay in "
                f"hospital; the outcome is whether the patient was {material.study.cohort.schema.outcome_label}."
            ),
            TEACHERS if material.study.judges_its_teachers else DIVIDED,
            *([f"{COUNTED} {' '.join(provenance.definition)}"] if provenance.definition else []),
            *([f"{LEFT_OPEN} {' '.join(provenance.notes)}"] if provenance.notes else []),
        )
    )
    chart = Chart(
        "flow",
        "From the rows read to the encounters judged",
        flowchart_spec(flow.records(), simulated=provenance.simulated),
        "The steps of the table below, from the rows read to the three parts of the cohort.",
        flow.key,
    )
    return Section(KEY, TITLES[KEY], (words, chart, flow, _parts(material), _characteristics(material)))


def _flowchart(material: Material) -> Table:
    provenance, split = material.study.cohort.provenance, material.study.split
    exclusions = shown_exclusions(provenance.exclusions, internal=material.internal)
    kept = len(material.study.cohort.frame)
    read: list[dict[str, object]] = []
    if exclusions is not None:
        read = [{"step": "encounters read", "encounters": provenance.rows_read}]
        read += [{"step": f"excluded: {one.reason}", "encounters": one.rows} for one in exclusions]
    steps = [
        *read,
        {"step": "encounters at risk", "encounters": kept},
        *({"step": f"{name} encounters", "encounters": len(getattr(split, part))} for part, name in PARTS.items()),
    ]
    note = "" if exclusions is not None else "How many rows were read and excluded is withheld: a count is small."
    columns = (Column("step", "Step"), Column("encounters", "Encounters", "count"))
    return Table.of("flowchart", "Flowchart", columns, steps, note)


def shown_exclusions(exclusions: tuple[Exclusion, ...], *, internal: bool) -> tuple[Exclusion, ...] | None:
    """Return the exclusions with small ones put together; None where even together they are small.

    Parameters
    ----------
    exclusions : tuple of Exclusion
    internal : bool
        Show them as they are.
    """
    small = sorted((one for one in exclusions if is_small(one.rows)), key=lambda one: one.rows)
    if internal or not small:
        return exclusions
    others = sorted((one for one in exclusions if one.rows > 0 and one not in small), key=lambda one: one.rows)
    while others and is_small(sum(one.rows for one in small)):
        small.append(others.pop(0))
    together = Exclusion("; ".join(one.reason for one in small), sum(one.rows for one in small))
    if is_small(together.rows):
        return None
    kept = tuple(one for one in exclusions if one not in small)
    return (*kept, together)


def _parts(material: Material) -> Table:
    study, rows = material.study, []
    for part, name in PARTS.items():
        chosen = getattr(study.split, part)
        events = int(study.design.y[chosen].sum())
        counted = material.may_be_counted
        rows.append(
            {
                "part": name,
                "encounters": len(chosen),
                "patients": material.patients(int(study.design.patient_ids[chosen].nunique())),
                "events": events if counted else WITHHELD,
                "event_rate": events / len(chosen) if counted else WITHHELD,
            }
        )
    columns = (
        Column("part", "Part"),
        Column("encounters", "Encounters", "count"),
        Column("patients", "Patients", "count"),
        Column("events", "Events", "count"),
        Column("event_rate", "Event rate", "share"),
    )
    note = "" if material.internal else "Patients to the nearest ten."
    return Table.of("parts", "The three parts", columns, rows, note)


def _characteristics(material: Material) -> Table:
    rows = [row for key in material.variables for row in _levels(material, material.sizes(key))]
    columns = (
        Column("variable", "Variable"),
        Column("level", "Level"),
        *(Column(part, f"{name.capitalize()} encounters", "count") for part, name in PARTS.items()),
        *(Column(f"{part}_share", f"Share of {name}", "share") for part, name in PARTS.items()),
    )
    folded = "" if material.internal else "Levels that few encounters or patients have are put together."
    return Table.of("characteristics", "Who they are", columns, rows, folded)


def _levels(material: Material, one: Grouping) -> list[dict[str, object]]:
    split, found = material.study.split, []
    for code, level in enumerate(one.levels):
        counts = {part: int((one.codes[getattr(split, part)] == code).sum()) for part in PARTS}
        shares = {f"{part}_share": count / len(getattr(split, part)) for part, count in counts.items()}
        found.append({"variable": one.label, "level": level, **counts, **shares})
    return found
