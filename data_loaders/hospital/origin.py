"""Where the records of a hospital come from."""

from dataclasses import dataclass

from clinflu.data import Finding


@dataclass(frozen=True, slots=True)
class Origin:
    """Where records come from, and what was noticed on the way.

    Parameters
    ----------
    source : str
        Name of the file, folder or database, without what leads to it.
    sha256 : str
        Of all files that were read, or of the rows where there are none.
    loader : str
        Name in ``data_loaders.LOADERS``.
    notes : tuple of str
        What the source leaves open, in sentences.
    findings : tuple of Finding
        Values that were left out while the source was read.
    true_years : bool
        Whether years are those of the calendar; in tables whose dates were shifted to protect patients they are not.
    simulated : bool
        Whether the patients are invented.
    """

    source: str
    sha256: str
    loader: str
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    true_years: bool = True
    simulated: bool = False
