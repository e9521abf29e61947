"""A cohort: one row an encounter at risk, what its columns mean and where it comes from."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from clinflu.data.finding import Finding
from clinflu.data.schema import CohortSchema
from clinflu.data.validation import Broken, require_columns, validate
from clinflu.errors import DataError, LoaderError

FEWEST_TO_JUDGE = 100
LARGEST_LEVEL_SHARE = 0.5
HASHED_ROWS = 250_000
MANY = 1_000_000


@dataclass(frozen=True, slots=True)
class Exclusion:
    """How many rows were left out, and why."""

    reason: str
    rows: int


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a cohort comes from and what was left out on the way.

    Parameters
    ----------
    source : str
        Name of the file, without its folder.
    sha256 : str
        Of the file as it was read, or of the rows where there is no file.
    loader : str
        Name in ``data_loaders.LOADERS``.
    rows_read : int
        Before any exclusion.
    exclusions : tuple of Exclusion
        In the order in which they were applied.
    simulated : bool
        Whether the patients are invented; every view must then say so.
    definition : tuple of str
        What counts as a readmission, in sentences, where it was worked out from recorded stays.
    notes : tuple of str
        What the source leaves open, and what was taken for granted.
    """

    source: str
    sha256: str
    loader: str
    rows_read: int
    exclusions: tuple[Exclusion, ...] = ()
    simulated: bool = False
    definition: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def flowchart(self) -> tuple[tuple[str, int], ...]:
        """Return the steps from the rows read to the rows kept, each with its number of encounters."""
        kept = self.rows_read - sum(step.rows for step in self.exclusions)
        excluded = tuple((f"excluded: {step.reason}", step.rows) for step in self.exclusions)
        return (("encounters read", self.rows_read), *excluded, ("encounters at risk", kept))


@dataclass(frozen=True, slots=True, repr=False)
class PlantedCause:
    """A cause of error that a simulator put into the data, so that the true answer is known.

    Parameters
    ----------
    name, description : str
        Short name, and what was done in words.
    responsible : tuple of str
        Encounters that were altered.
    variable, level : str
        The encounters whose predictions the cause distorts: those with this level of this recorded variable.
    """

    name: str
    description: str
    responsible: tuple[str, ...]
    variable: str
    level: str

    def affected(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of a cohort's frame whose predictions the cause distorts."""
        return frame[frame[self.variable] == self.level]


@dataclass(frozen=True, repr=False)
class Cohort:
    """Encounters at risk of the outcome.

    Parameters
    ----------
    frame : DataFrame
        Index: encounter id (text, unique). Columns: patient id (text), outcome (0 or 1), the features and
        the baseline scores of the schema; missing values are NA. Categories are text or, where the table is large,
        columns of type ``category``: what is computed is the same.
    schema : CohortSchema
        What the columns mean.
    provenance : Provenance
        Where the rows come from.
    planted : tuple of PlantedCause
        Only in simulated cohorts.
    findings : tuple of Finding
        Values that were left out while the source was read; not kept with a saved audit.
    years : Series, optional
        Calendar year of each admission, by encounter id, where the source holds true dates; not kept either.
    """

    frame: pd.DataFrame
    schema: CohortSchema
    provenance: Provenance
    planted: tuple[PlantedCause, ...] = ()
    findings: tuple[Finding, ...] = ()
    years: pd.Series | None = None

    def __repr__(self) -> str:
        simulated = " (SIMULATED patients)" if self.provenance.simulated else ""
        return (
            f"Cohort from {self.provenance.source}{simulated}: {len(self.frame):,} encounters of "
            f"{self.patients.nunique():,} patients, {len(self.schema.features)} recorded variables; see .frame, .schema"
        )

    @property
    def outcome(self) -> pd.Series:
        """The outcome, 0 or 1, by encounter id."""
        return self.frame[self.schema.outcome]

    @property
    def patients(self) -> pd.Series:
        """The patient id, by encounter id."""
        return self.frame[self.schema.patient_id]

    def position(self, encounter_id: str) -> int:
        """Return the row number of an encounter.

        Raises
        ------
        DataError
            The cohort has no such encounter.
        """
        place = _place_of(str(encounter_id), self.frame.index)
        if place < 0:
            raise DataError(
                f"this cohort ({len(self.frame):,} encounters from {self.provenance.source}) has no encounter of the "
                "id that you gave; check the id against the table that was loaded"
            )
        return place

    @cached_property
    def content_hash(self) -> str:
        """sha256 of the rows and their column names, the same for the same content wherever it came from."""
        digest = hashlib.sha256(",".join(map(str, self.frame.columns)).encode())
        for start in range(0, len(self.frame), HASHED_ROWS):  # so that not all ids are Python objects at once
            rows = self.frame.iloc[start : start + HASHED_ROWS]
            digest.update(pd.util.hash_pandas_object(rows, index=True).to_numpy().tobytes())
        return digest.hexdigest()


def _place_of(name: str, ids: pd.Index) -> int:
    """Return the place of an id, -1 where it is none; of many, without a table of all of them as Python objects."""
    if isinstance(ids.array, pd.arrays.ArrowStringArray) and len(ids) > MANY:
        import pyarrow as pa
        from pyarrow import compute

        return int(compute.index(pa.array(ids.array), name).as_py())
    try:
        return int(ids.get_loc(name))
    except KeyError:
        return -1


def build_cohort(
    rows: pd.DataFrame,
    schema: CohortSchema,
    provenance: Provenance,
    *,
    source_rows: pd.Series | None = None,
    planted: tuple[PlantedCause, ...] = (),
    broken: Sequence[Broken] = (),
) -> Cohort:
    """Return the rows as a cohort, once every value has been checked against the schema.

    Parameters
    ----------
    rows : DataFrame
        At least the columns of the schema, the encounter id among them as a column.
    schema : CohortSchema
        What each column must hold.
    provenance : Provenance
        Where the rows come from; its counts must add up to the rows given.
    source_rows : Series of int, optional
        Row numbers in the source, for the messages; by default the position, counted from 1.
    planted : tuple of PlantedCause
        Only for simulated cohorts.
    broken : sequence of Broken
        What the loader found wrong already, told with the rest.

    Raises
    ------
    LoaderError
        Every absent column, or every value that breaks its ``FeatureSpec`` or ``BaselineSpec``, in one message; or
        no row is left.
    """
    keys = [schema.encounter_id, schema.patient_id, schema.outcome]
    columns = [*keys, *schema.feature_names, *schema.baseline_names]
    require_columns(rows, columns, provenance.source)
    if rows.empty:
        raise LoaderError(f"{provenance.source} holds no encounters at risk; check that it is the right file")
    kept = provenance.flowchart()[-1][1]
    if kept != len(rows):
        raise LoaderError(f"{provenance.source}: the flowchart ends at {kept} encounters, but {len(rows)} were given")
    _refuse_identifiers(rows, schema, provenance.source)
    frame = validate(pd.DataFrame({name: rows[name] for name in columns}, copy=False), schema, source_rows, broken)
    frame = frame.astype({schema.outcome: "int8"}).set_index(schema.encounter_id)
    return Cohort(frame, schema, provenance, planted)


def _refuse_identifiers(rows: pd.DataFrame, schema: CohortSchema, source: str) -> None:
    """Raise if a category has nearly as many levels as there are rows: it names patients, and teaches nothing."""
    if len(rows) < FEWEST_TO_JUDGE:
        return
    counts = {spec.name: rows[spec.name].nunique() for spec in schema.categories}
    names = [name for name, levels in counts.items() if levels > LARGEST_LEVEL_SHARE * len(rows)]
    if names:
        raise LoaderError(
            f"{source}: {', '.join(names)} differ in most rows, as an identifier does; leave them out of the features"
        )
