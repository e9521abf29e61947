"""What the model would have been after any combination of removals, labels, weights, edits and additions, refitted."""

from clinflu.analysis.what_if.actions import Action, Add, Edit, Relabel, Remove, Reweight
from clinflu.analysis.what_if.result import Refit
from clinflu.analysis.what_if.run import refit_plan, what_if

__all__ = ["Action", "Add", "Edit", "Refit", "Relabel", "Remove", "Reweight", "refit_plan", "what_if"]
