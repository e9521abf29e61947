"""The performance of the model in every subgroup, with intervals and differences to the complement."""

from clinflu.analysis.subgroups.measures import MEASURES
from clinflu.analysis.subgroups.replicates import Bootstrap
from clinflu.analysis.subgroups.table import Difference, Estimate, Subgroup, SubgroupTable, subgroup_table, subgroups

__all__ = [
    "MEASURES",
    "Bootstrap",
    "Difference",
    "Estimate",
    "Subgroup",
    "SubgroupTable",
    "subgroup_table",
    "subgroups",
]
