"""Refit the model as actions say."""

import time

from clinflu.analysis.what_if.actions import Action, Plan, combine
from clinflu.analysis.what_if.result import Refit
from clinflu.influence.refit import refit_each
from clinflu.progress import Progress, silent
from clinflu.study import Study


def what_if(study: Study, *actions: Action, progress: Progress = silent) -> Refit:
    """Refit the model as if the actions had been done before training.

    The encoder, the penalty and the split stay as they are.

    Parameters
    ----------
    study : Study
    *actions : Remove, Relabel, Reweight, Edit or Add
        Together they make one change, whatever their order; no action refits nothing.
    progress : Progress
        Called before and after the refit.

    Raises
    ------
    DataError
        An encounter or patient that taught nothing, a contradiction between actions, a value that makes no sense, or
        a query that cannot be read.
    OneClassError
        The actions leave encounters of one outcome only.
    FitError
        Its kinds say why what is left has no optimum.
    """
    return refit_plan(study, combine(study, actions), progress)


def refit_plan(study: Study, plan: Plan, progress: Progress = silent) -> Refit:
    """Refit the model as a plan says; see :func:`what_if`."""
    progress(0, 1)
    start = time.perf_counter()
    (refitted,) = refit_each(study.train, [plan.change])
    seconds = time.perf_counter() - start
    progress(1, 1)
    return Refit(study, plan, refitted, seconds)
