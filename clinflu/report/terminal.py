"""A trace and the case study for the terminal; both show pseudonyms or public data only."""

from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from clinflu.analysis.case_study import CHILD, CaseStudy, PastPatient
from clinflu.data.shown import printable, recorded_text
from clinflu.figures.style import signed
from clinflu.influence.result import PERCENT
from clinflu.report.estimates import estimated

VARIABLES_SHOWN = 6
PATIENTS_SHOWN = 10


def trace_view(values: dict[str, Any]) -> RenderableType:
    """Return a trace, given as :func:`clinflu.analysis.trace_values.trace_values`, for a rich console."""
    return Group(
        Text(values["notice"], style="bold red"),
        Panel(_words(values["sentence"]), title=f"Encounter {values['encounter']}", title_align="left"),
        _words(values["chance"]),
        Text(values["support"], style="bold" if values["low_support"] else ""),
        Text(_interval(values)),
        Text(),
        _attribution(values),
        _patients(values["pushed_toward_error"], "Past patients that pushed toward the error"),
        _patients(values["pushed_against"], "Past patients that pushed against it"),
        Text(f"How near the estimates are: {values['grades']['single']}", style="dim"),
        *_subgroups(values),
        *_fragility(values),
        _provenance(values["provenance"]),
    )


def _fragility(values: dict[str, Any]) -> list[RenderableType]:
    found = values.get("fragility")
    if found is None:
        return []
    table = _table(
        "One altered past record: change of the risk, percentage points",
        ("What", "left"),
        ("Past encounter", "left"),
        ("Altered", "left"),
        ("Estimate", "right"),
        ("Refit", "right"),
        ("Decision", "left"),
    )
    for row in found["alterations"]:
        changes = estimated(row["risk_change_estimate_pp"]), signed(row["risk_change_refit_pp"])
        decision = "changes" if row["flips"] else "stays"
        table.add_row(row["kind"], row["encounter"], _words(row["altered"]), *changes, decision)
    return [_words(found["words"]), table]


def case_study_view(study: CaseStudy, *, with_children: bool) -> RenderableType:
    """Return the case study for a rich console; public data, so positions are shown as they are."""
    train, audited = study.train, study.audited
    carried = sum(one["variable"] == CHILD for one in study.children_top_variable)
    words = Text(
        f"{train['children_readmitted_before']} of {train['children_before']} children were readmitted before, "
        f"{study.train['children_readmitted']} of {train['children']} after dropping the healthy ones. Test row "
        f"{audited['test_position']}: risk {PERCENT * audited['risk_original']:.1f} % before, "
        f"{PERCENT * audited['risk_modified']:.1f} % after. The children are "
        f"{study.ratio_to_next['harmful']:.1f} (harmful) and {study.ratio_to_next['helpful']:.1f} (helpful) times as "
        f"influential as the strongest other patient. The child indicator carries most of the influence of {carried} "
        f"of them, while its coefficient ranks {study.child_coefficient_rank} by size."
    )
    note = Text(
        "Risks are P(readmitted within 30 days) under the half-and-half sample, not absolute risks.", style="dim"
    )
    parts: list[RenderableType] = [
        Panel(words, title="Koh & Liang (2017), hospital case study", title_align="left"),
        note,
    ]
    parts += [_case_table(study.harmful, "Harmful"), _case_table(study.helpful, "Helpful")]
    if with_children:
        parts.append(_children(study))
    return Group(*parts)


def console() -> Console:
    """Return the console that commands print to."""
    return Console(highlight=False)


def _words(text: str, style: str = "") -> Text:
    """Return words that may hold values of the data as text that only says what it says."""
    return Text(printable(text), style=style)


def _table(title: str, *columns: tuple[str, str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for name, justify in columns:
        table.add_column(name, justify="right" if justify == "right" else "left", overflow="fold")
    return table


def _interval(values: dict[str, Any]) -> str:
    low, high = PERCENT * values["interval"]["low"], PERCENT * values["interval"]["high"]
    level, method = PERCENT * values["interval"]["level"], values["interval"]["method"]
    return f"{level:.0f} % interval of the risk: {low:.1f} to {high:.1f} % ({method})."


def _attribution(values: dict[str, Any]) -> Table:
    table = _table("What the model used", ("Recorded", "left"), ("Value", "left"), ("Risk, pp", "right"))
    table.add_row("average training patient", "", f"{values['baseline_risk_percent']:.1f} %")
    rows = values["attribution"]
    for row in rows[:VARIABLES_SHOWN]:
        table.add_row(
            _words(row["label"]), Text(recorded_text(row["recorded"], row["unit"])), signed(row["risk_pp"], 1)
        )
    others = rows[VARIABLES_SHOWN:]
    if others:
        table.add_row(f"{len(others)} others", "", signed(sum(row["risk_pp"] for row in others), 1))
    table.add_row("this patient", "", f"{values['risk_percent']:.1f} %", style="bold")
    return table


def _patients(patients: list[dict[str, Any]], title: str) -> Table:
    table = _table(
        f"{title}: change of the risk without each, percentage points",
        ("Past encounter", "left"),
        ("Outcome", "left"),
        ("Estimate", "right"),
        ("Refit", "right"),
        ("Carried by", "left"),
    )
    for row in patients[:PATIENTS_SHOWN]:
        carried = ", ".join(f"{one['label']} {recorded_text(one['recorded'])}" for one in row["carried_by"][:2])
        same = " (same patient)" if row["same_patient"] else ""
        same = " (this encounter itself)" if row["same_encounter"] else same
        table.add_row(
            row["encounter"] + same,
            "event" if row["outcome"] else "no event",
            estimated(row["risk_change_estimate_pp"]),
            signed(row["risk_change_refit_pp"]),
            _words(carried),
        )
    return table


def _subgroups(values: dict[str, Any]) -> list[RenderableType]:
    if not values["subgroups"]:
        return []
    grade = Text(f"How near the estimates are: {values['grades']['subgroup']}", style="dim")
    return [_subgroup_table(values["subgroups"]), grade]


def _subgroup_table(groups: list[dict[str, Any]]) -> Table:
    table = _table(
        "Subgroups it leans on: change of the risk without all of them, percentage points",
        ("Subgroup", "left"),
        ("In training", "right"),
        ("Event rate", "right"),
        ("Of the ten", "right"),
        ("Estimate", "right"),
        ("Refit", "right"),
    )
    for row in groups:
        own = " (this patient's)" if row["holds_audited_patient"] else ""
        table.add_row(
            _words(f"{row['label']} {row['level']}{own}"),
            f"{row['training_encounters']:,}",
            f"{PERCENT * row['event_rate']:.1f} %",
            str(row["of_strongest"]),
            estimated(row["risk_change_estimate_pp"]),
            signed(row["risk_change_refit_pp"]),
        )
    return table


def _provenance(provenance: dict[str, Any]) -> Text:
    steps = "; ".join(f"{step['step']} {step['encounters']:,}" for step in provenance["flowchart"])
    notes = " ".join((*provenance["definition"], *provenance["notes"]))
    return _words(f"{provenance['source']} ({provenance['sha256'][:12]}): {steps}. {notes}", style="dim")


def _case_table(patients: tuple[PastPatient, ...], title: str) -> Table:
    table = _table(
        f"{title} past patients",
        ("Train position", "right"),
        ("Age", "left"),
        ("Readmitted", "left"),
        ("Loss change, estimate", "right"),
        ("Loss change, refit", "right"),
        ("Risk change, refit, pp", "right"),
    )
    for one in patients:
        table.add_row(
            str(one.train_position),
            Text(one.age),
            "yes" if one.readmitted else "no",
            f"{one.loss_change:+.5f}",
            f"{one.loss_change_refit:+.5f}",
            f"{PERCENT * one.risk_change_refit:+.2f}",
        )
    return table


def _children(study: CaseStudy) -> Table:
    table = _table(
        "Children of the test set",
        ("Test position", "right"),
        ("Readmitted", "left"),
        ("Risk before", "right"),
        ("Risk after", "right"),
    )
    for child in study.children:
        table.add_row(
            str(child.test_position),
            "yes" if child.readmitted else "no",
            f"{PERCENT * child.risk_original:.1f} %",
            f"{PERCENT * child.risk_modified:.1f} %",
        )
    return table
