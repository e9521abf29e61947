"""The subgroup report: an audit in, a folder of files out."""

from collections.abc import Callable, Iterable
from pathlib import Path

from clinflu.audit import Audit
from clinflu.data.asking import list_of_ids
from clinflu.errors import DataError
from clinflu.findings.disclosure.register import Exported, Register
from clinflu.findings.document import Document
from clinflu.findings.material import Material, Options
from clinflu.findings.origin import origin
from clinflu.findings.sections import SECTIONS
from clinflu.progress import Progress, silent, telling
from clinflu.report.write import FORMATS, Written, check_target, write_report

PARTS = 100
TITLE = "Where the model fails, and why"


def subgroup_report(
    audit: Audit,
    out: str | Path,
    by: str | Iterable[str] | None = None,
    *,
    options: Options | None = None,
    formats: Iterable[str] = FORMATS,
    progress: Progress | None = None,
) -> Written:
    """Write the report of an audit: HTML, PDF, workbook, CSV files, figures and JSON.

    Parameters
    ----------
    audit : Audit
    out : str or Path
        Folder; a report that is there already is replaced as a whole.
    by : str or iterable of str, optional
        Variables, ``"age_group"`` and intersections as ``"age_group*gender"``.
    options : Options, optional
        Threshold, bootstrap, and whether small cells are shown.
    formats : iterable of str
        Which of ``FORMATS``.
    progress : Progress, optional
        Over the stages of the work; by default a bar for each.

    Returns
    -------
    Written
        The paths.

    Raises
    ------
    DataError
        A variable is not there, the threshold is none, the folder holds something else, or an earlier export of this
        audit was made at another threshold.
    """
    asked = Options() if options is None else options
    names = asked.by if by is None else tuple([by] if isinstance(by, str) else list_of_ids(by, "variables"))
    chosen = Options(names, asked.threshold, asked.bootstrap, asked.internal)
    check_target(Path(out), tuple(formats))
    with telling("Making the report", progress) as tell:
        stages = _Stages(tell, len(SECTIONS) + 1)
        material = material_of(audit, chosen, lambda _: stages)
        made = document(material, stages)
        if not chosen.internal:  # before anything is there to be read
            shown_now = tuple(one.key for one in material.intersections)
            exported = Exported(material.threshold, shown_now)
            Register.of_this_user().add(material.study.fingerprint, exported, material.before)
        return write_report(made, Path(out), formats=tuple(formats), progress=stages)


class _Stages:
    """The progress of work in stages, each of which tells its own."""

    def __init__(self, tell: Progress, stages: int) -> None:
        self._tell, self._stages, self._done = tell, stages, 0

    def __call__(self, done: int, total: int) -> None:
        self._tell(self._done * PARTS + PARTS * done // max(total, 1), self._stages * PARTS)

    def next(self) -> None:
        self._done += 1
        self(0, 1)


def material_of(audit: Audit, options: Options, stage: Callable[[str], Progress] = lambda _: silent) -> Material:
    """Return what the sections draw on, once what was asked for is known to make sense."""
    first = Material(audit, options, stage=stage)
    first.asked  # noqa: B018 -- refuses what is not there
    if options.internal:
        return first
    if not first.pattern.parts_may_be_counted:
        raise DataError(
            "a part of the cohort holds 10 encounters or patients or fewer, so nothing of it may be exported; give a "
            "larger cohort, or make an internal report"
        )
    before = Register.of_this_user().before(audit.study.fingerprint, first.threshold)
    return Material(audit, options, before, stage)


def document(material: Material, stages: _Stages | None = None) -> Document:
    """Return the report before any format."""
    sections = []
    for section in SECTIONS.values():
        sections.append(section(material))
        if stages is not None:
            stages.next()
    simulated = material.study.cohort.provenance.simulated
    return Document(TITLE, tuple(sections), material.internal, simulated, origin(material))
