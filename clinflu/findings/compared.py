"""What is said of how subgroups compare with everyone else: whether any could be, and which is explained."""

from clinflu.findings.explained import comparable
from clinflu.findings.losses import GroupLoss
from clinflu.findings.material import Material

FAILED = "beyond chance worse calibrated, or of a lower AUROC, than everyone else"


def not_compared(material: Material) -> str:
    """Return why no subgroup could be compared with everyone else; empty where one could.

    Parameters
    ----------
    material : Material
    """
    count = len(material.table.groups)
    if not count and material.internal:
        return "No subgroup could be compared with everyone else: no variable asked for has two levels."
    if not count:
        return (
            "No subgroup could be compared with everyone else: too few have an event, or an alert, to be shown. An "
            "internal report shows them all."
        )
    if comparable(material.table):
        return ""
    return (
        f"None of the {count:,} subgroups could be compared with everyone else in calibration or AUROC: each, or what "
        "it leaves, has too few patients, too few events or too few encounters without one."
    )


def how_many(material: Material) -> str:
    """Return of how many subgroups is spoken, and how many of them could be compared."""
    count, compared = len(material.table.groups), len(comparable(material.table))
    return f"Of {count:,} subgroups" if compared == count else f"Of {count:,} subgroups, {compared:,} of them compared,"


def chosen_by_loss(material: Material, furthest: GroupLoss) -> str:
    """Return why a subgroup is explained although the model fails none, and how much that can say."""
    chosen = (
        f"Explained is the subgroup whose mean loss is furthest above that of everyone else, of "
        f"{len(material.losses):,} compared: {furthest.name}. "
    )
    if furthest.beyond_chance:
        return (
            f"{chosen}Its mean loss is larger beyond chance (q {furthest.q:.2g}), but that alone does not make its "
            "risks wrong: where more patients have the event they are harder to predict. What sets its calibration and "
            "AUROC apart could be chance."
        )
    confirmed = material.furthest_confirmed
    if confirmed:
        return (
            f"{chosen}Among the audited encounters that could be chance (q {furthest.q:.2g}); but the search for weak "
            f"subgroups found it too, and on the confirming encounters its larger loss stands (q {confirmed.q:.2g})."
        )
    return (
        f"{chosen}That could be chance (q {furthest.q:.2g}): the largest of many differences is always larger than "
        "the truth, so take what follows as a question, not as a finding."
    )


def how_sure(material: Material, furthest: GroupLoss) -> str:
    """Return in a few words how sure it is that the mean loss of a subgroup is larger than that of everyone else."""
    if furthest.beyond_chance:
        return "larger beyond chance"
    if material.furthest_confirmed:
        return "which could be chance by itself, but stands on other patients too"
    return "which could be chance"
