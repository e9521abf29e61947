"""How far the mean loss of each subgroup is above that of everyone else, and whether that may be chance."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from statsmodels.stats.multitest import multipletests

from clinflu.analysis.groupings import Grouping
from clinflu.analysis.subgroups import Subgroup, SubgroupTable
from clinflu.analysis.why import Members, WhyOptions
from clinflu.analysis.why.excess import excess
from clinflu.analysis.why.members import Sides
from clinflu.study import Study

SIGNIFICANT = 0.05


@dataclass(frozen=True, slots=True)
class GroupLoss:
    """A subgroup and its excess mean loss.

    Parameters
    ----------
    group : Subgroup
    excess : float
        Mean loss of the subgroup minus that of all others, nats.
    q : float
        Two-sided, of no excess, patients as the unit; after Benjamini and Hochberg over all that were compared.
    """

    group: Subgroup
    excess: float
    q: float

    @property
    def name(self) -> str:
        """The subgroup as a person sees it."""
        return f"{self.group.label}: {self.group.level}"

    @property
    def beyond_chance(self) -> bool:
        """Whether its mean loss is larger than that of all others beyond chance."""
        return self.excess > 0 and self.q <= SIGNIFICANT


def group_losses(study: Study, table: SubgroupTable, by_key: Mapping[str, Grouping]) -> tuple[GroupLoss, ...]:
    """Return the mean loss of every subgroup whose Brier score is compared with everyone else's, the largest first.

    A subgroup of which that, the other mean error, is withheld has too few events for this one too.
    """
    compared = [one for one in table.groups if not one.differences["brier"].withheld]
    if not compared:
        return ()
    found = [excess(Sides.of(study, members_of(one, by_key), WhyOptions())) for one in compared]
    p = np.nan_to_num([one.p_total for one in found], nan=1.0)
    q = multipletests(p, method="fdr_bh")[1]
    losses = [GroupLoss(one, less.total, float(at)) for one, less, at in zip(compared, found, q, strict=True)]
    return tuple(sorted(losses, key=lambda one: -one.excess))


def members_of(one: Subgroup, by_key: Mapping[str, Grouping]) -> Members:
    """Return the encounters of a subgroup."""
    found = by_key[one.variable]
    return Members.of(found, found.levels.index(one.level))
