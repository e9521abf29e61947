"""Section: what a committee needs to know, in plain language."""

from collections.abc import Iterator

from clinflu.analysis.slices import WeakSubgroup
from clinflu.analysis.subgroups import MEASURES, Subgroup
from clinflu.analysis.why import Why
from clinflu.analysis.why.words import finding, rest_of_it
from clinflu.findings.compared import FAILED, how_many, how_sure, not_compared
from clinflu.findings.differences import differences, in_words, notable
from clinflu.findings.document import Section, Words
from clinflu.findings.explained import is_off
from clinflu.findings.losses import SIGNIFICANT
from clinflu.findings.material import TEACHERS, Material
from clinflu.findings.titles import TITLES
from clinflu.findings.weak import mostly_beyond_risk

KEY = "summary"
GOOD_AUROC, FAIR_AUROC = 0.8, 0.7
NAMED = 5


def section(material: Material) -> Section:
    """Return the section."""
    said = tuple(_said(material))
    return Section(KEY, TITLES[KEY], (Words(said, listed=True),))


def _said(material: Material) -> Iterator[str]:
    study, everyone = material.study, material.table.everyone
    if study.cohort.provenance.simulated:
        yield "These patients are SIMULATED: nobody here is real, and nothing here may guide care."
    if study.judges_its_teachers:
        yield TEACHERS
    if not material.may_be_counted:
        yield "So few encounters had the event, or were alerted to, that nothing may be counted here."
        return
    whose = "that taught it" if study.judges_its_teachers else "that it had not seen"
    yield (
        f"The model predicts whether a patient will be {study.cohort.schema.outcome_label}. It was judged on "
        f"{everyone.encounters:,} encounters of patients {whose}; {everyone.events:,} of them "
        f"({_percent(everyone.events / everyone.encounters)}) had the event."
    )
    if not material.may_be_judged:
        yield material.not_judged
        return
    yield from _overall(everyone)
    yield from _alerts(material, everyone)
    yield from _failing(material)
    yield from _standing(material)
    yield from _losses(material)
    yield from _weak(material)
    if material.furthest:
        sure = how_sure(material, material.furthest)
        yield f"The mean loss furthest above everyone else is that of {material.furthest.name}, {sure}."
    yield from (_why(why) for why in material.explained)
    yield "Most wrong predictions are chance: at a risk of 10 % one patient in ten has the event."


def _overall(everyone: Subgroup) -> Iterator[str]:
    auroc, ratio = everyone.estimates["auroc"], everyone.estimates["oe"]
    if not auroc.withheld:
        well = "well" if auroc.value >= GOOD_AUROC else "fairly" if auroc.value >= FAIR_AUROC else "only roughly"
        yield (
            f"It separates patients with the event from those without {well}: given one of each, it gives the higher "
            f"risk to the right one in {_percent(auroc.value)} of pairs (50 % would be guessing; AUROC "
            f"{_interval(everyone, 'auroc')})."
        )
    if not ratio.withheld:
        right = ratio.low <= 1.0 <= ratio.high
        wrong = "too high on the whole" if ratio.value < 1.0 else "too low on the whole"
        yield (
            f"Its risks are {'right on the whole' if right else wrong}: {ratio.value:.3f} events happened for each one "
            f"predicted ({ratio.low:.3f} to {ratio.high:.3f})."
        )


def _alerts(material: Material, everyone: Subgroup) -> Iterator[str]:
    found = everyone.estimates
    if any(found[name].withheld for name in ("alert_rate", "sensitivity", "ppv")):
        return
    yield (
        f"At the alert threshold of {_percent(material.threshold)} it alerts to "
        f"{_percent(found['alert_rate'].value)} of encounters, finds {_percent(found['sensitivity'].value)} of the "
        f"events, and {_percent(found['ppv'].value)} of its alerts are followed by one."
    )


def _failing(material: Material) -> Iterator[str]:
    if none := not_compared(material):
        yield none
        return
    failing, many = material.failing, how_many(material)
    if not failing:
        yield (
            f"{many} none is {FAILED}, once it is counted how many were looked at. That is no proof that none is: "
            "small ones cannot show it."
        )
        return
    names = "; ".join(f"{one.label}: {one.level} ({_how(one)})" for one in failing[:NAMED])
    more = f"; {len(failing) - NAMED} more are in the section on subgroups" if len(failing) > NAMED else ""
    are = "is" if len(failing) == 1 else "are"
    yield (f"{many} {len(failing)} {are} {FAILED}, without those that are only a part of such a one: {names}{more}.")


def _standing(material: Material) -> Iterator[str]:
    """Say how many differences stand after correction, and which is the surest."""
    rows = notable(material, differences(material)).records()
    if rows:
        stand = "1 difference stands" if len(rows) == 1 else f"{len(rows):,} differences stand"
        surest = min(rows, key=lambda row: float(row["q"] or 0.0))
        yield (
            f"In calibration, AUROC, sensitivity and net benefit {stand} after correction, as the section on subgroups "
            f"lists. {'It is' if len(rows) == 1 else 'The surest is'} of {in_words(surest)}."
        )


def _losses(material: Material) -> Iterator[str]:
    """Say how many subgroups have a larger mean loss than everyone else beyond chance, which is another question."""
    if material.losses:
        larger = sum(one.beyond_chance for one in material.losses)
        yield (
            f"In mean loss, the size of the prediction error, {larger or 'none'} of {len(material.losses):,} compared "
            f"{'are' if larger > 1 else 'is'} above everyone else beyond chance among the audited encounters; it is "
            "larger where more patients have the event, even if all risks are right."
        )


def _weak(material: Material) -> Iterator[str]:
    confirmed, shown = material.weak.confirmed, material.weak_confirmed_shown
    if confirmed:
        groups = "1 group" if len(confirmed) == 1 else f"{len(confirmed):,} groups"
        yield (
            f"A search over combinations of variables found {groups} with a larger mean loss than everyone else, on "
            f"other patients too; {_how_many_shown(len(shown), len(confirmed))} {_of_their_risks(shown)}"
        ).strip()


def _how_many_shown(shown: int, confirmed: int) -> str:
    if shown == confirmed:
        return "the section on weak subgroups lists it." if shown == 1 else "the section on weak subgroups lists them."
    listed = f"{shown:,} of them" if shown else "none of them"
    return f"{listed} can be shown, since the others, or what they leave of larger groups, are small."


def _of_their_risks(confirmed: tuple[WeakSubgroup, ...]) -> str:
    """Say for how many weak subgroups most of the error is more than their own risks let expect."""
    if not confirmed:
        return ""
    wrong = sum(map(mostly_beyond_risk, confirmed))
    high = "their risks are nearer to 50 % than those of others, and such patients are harder to predict"
    if not wrong:
        return f"Most of it, in those shown, is because {high}, not because the risks are wrong."
    if wrong == len(confirmed):
        return "Most of it, in those shown, is more error than their own risks let expect: those risks are wrong."
    of_those = f"In {wrong:,} of those shown, marked in the table,"
    return f"{of_those} most of it is more than their own risks let expect; in the others {high}."


def _why(why: Why) -> str:
    """Return in plain words what the refits say of a group that the model fails."""
    found = finding(why.excess, why.groups)
    group = found.group.name if found.group else ""
    better = "brings its risks nearer to what happened" if found.by_level else "predicts it better"
    said = {
        "confirmed": (
            f"part of it comes from how the model was taught: the training patients of {group}; a model refitted "
            f"without them {better}, also on patients who chose nothing of this."
        ),
        "not confirmed": (
            f"a model refitted without the training patients of {group} {better} where it was tried, but not on "
            "patients set aside: it may be chance."
        ),
        "unexplained": (
            f"no group of training patients explains it: leaving out one of {why.groups.searched:,} changes nothing "
            f"beyond chance. {rest_of_it(why.excess)}"
        ),
        "not worse": "on the whole it is predicted no worse than others, beyond chance.",
    }
    return f"Why {why.label}: {said[why.finding]}"


def _how(one: Subgroup) -> str:
    """Return in words how the model fails a subgroup."""
    ratio, auroc, gap = one.estimates["oe"], one.estimates["auroc"], one.differences["auroc"]
    said = []
    if is_off(ratio, 1.0):
        said.append(f"risks too {'low' if ratio.value > 1 else 'high'}: O:E {ratio.value:.2f}")
    if gap.q <= SIGNIFICANT and gap.value < 0:
        said.append(f"AUROC {auroc.value:.2f}, {-gap.value:.2f} below everyone else")
    return ", ".join(said or _miscalibrated(one))


def _miscalibrated(one: Subgroup) -> Iterator[str]:
    intercept, slope = one.estimates["calibration_intercept"], one.estimates["calibration_slope"]
    if is_off(intercept, 0.0):
        level = "low" if intercept.value > 0 else "high"
        yield f"calibration intercept {intercept.value:+.2f}: its risks are too {level}"
    if is_off(slope, 1.0):
        yield f"calibration slope {slope.value:.2f}: its risks are too {'extreme' if slope.value < 1 else 'alike'}"


def _interval(one: Subgroup, name: str) -> str:
    found = one.estimates[name]
    digits = 2 if MEASURES[name].unit == "score" else 3
    return f"{found.value:.{digits}f}, 95 % interval {found.low:.{digits}f} to {found.high:.{digits}f}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
