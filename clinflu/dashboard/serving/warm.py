"""The served audit, opened once and warmed, so that the first click finds everything computed."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from clinflu.audit import Audit
from clinflu.errors import ClinfluError

_WARMED: dict[Path, Audit] = {}


def warmed(folder: str | Path) -> Audit:
    """Return a saved audit that has computed what every first click needs; the same one each time.

    A kernel forked from a process that called this already finds it there.

    Parameters
    ----------
    folder : str or Path
        Made by ``audit.save``.

    Raises
    ------
    StoreError
        It is damaged, foreign, or not there.
    """
    place = Path(folder).resolve()
    if place not in _WARMED:
        audit = Audit.open(place)
        for step in STEPS:
            with suppress(ClinfluError):  # it is raised again, and shown, where it is asked for
                step(audit)
        _WARMED[place] = audit
    return _WARMED[place]


def _study(audit: Audit) -> object:
    study = audit.study
    return study.train.leverage, study.margins, study.risks, study.trust, study.fingerprint


def _whole_audit(audit: Audit) -> object:
    return audit.pseudonyms, audit.threshold, audit.support_cuts


def _one_prediction(audit: Audit) -> object:
    mistakes = audit.mistakes()
    chosen = audit.design.encounter_ids[audit.audited_rows[0]] if mistakes.empty else mistakes.index[0]
    return audit.prediction(str(chosen))


def _charts(_: Audit) -> object:
    from plotly import graph_objects

    return graph_objects.Figure([graph_objects.Bar(), graph_objects.Scatter(), graph_objects.Waterfall()]).to_dict()


STEPS: tuple[Callable[[Audit], object], ...] = (_study, _whole_audit, _one_prediction, _charts)
