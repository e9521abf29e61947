"""The subgroup report: an audit in, a folder of files out."""

from collections.abc import Iterable
from pathlib import Path

from clinflu.audit import Audit
from clinflu.data.asking import list_of_ids
from clinflu.findings.disclosure.register import Exported, Register
from clinflu.findings.document import Document
from clinflu.findings.material import Material, Options
from clinflu.findings.origin import origin
from clinflu.findings.sections import SECTIONS
from clinflu.progress import Progress
from clinflu.report.write import FORMATS, Written, write_report

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
    material = material_of(audit, chosen)
    written = write_report(document(material, progress), Path(out), formats=tuple(formats))
    if not chosen.internal:
        shown_now = tuple(one.key for one in material.intersections)
        Register.of_this_user().add(material.study.fingerprint, Exported(material.threshold, shown_now))
    return written


def material_of(audit: Audit, options: Options) -> Material:
    """Return what the sections draw on, once what was asked for is known to make sense."""
    first = Material(audit, options)
    first.asked  # noqa: B018 -- refuses what is not there
    if options.internal:
        return first
    before = Register.of_this_user().before(audit.study.fingerprint, first.threshold)
    return Material(audit, options, before)


def document(material: Material, progress: Progress | None = None) -> Document:
    """Return the report before any format."""
    sections = []
    for done, section in enumerate(SECTIONS.values()):
        sections.append(section(material))
        if progress is not None:
            progress(done + 1, len(SECTIONS))
    simulated = material.study.cohort.provenance.simulated
    return Document(TITLE, tuple(sections), material.internal, simulated, origin(material))
