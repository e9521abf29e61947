"""What the error of a weak subgroup is put down to."""

from clinflu.analysis.slices import WeakSubgroup


def mostly_beyond_risk(one: WeakSubgroup) -> bool:
    """Return whether most of a subgroup's larger loss, on the confirming encounters, is more than its risks expect."""
    return one.confirm.beyond_risk > one.confirm.excess_loss / 2
