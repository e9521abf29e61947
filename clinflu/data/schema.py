"""What the columns of a cohort mean."""

from dataclasses import dataclass
from typing import Literal

from clinflu.errors import DataError

RESERVED = "intercept"
FEWEST = 11
LARGEST_SEPARATOR = 10

Kind = Literal["number", "category", "codes"]
IN_WORDS: dict[Kind, str] = {"number": "numeric", "category": "a category", "codes": "a set of codes"}


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """One recorded variable that the model may use.

    Parameters
    ----------
    name : str
        Column of the cohort's frame.
    label : str
        What a clinician calls it.
    unit : str, optional
        Unit of a numeric variable, such as ``"days"``.
    levels : tuple of str, optional
        ``None``: the variable is no category. Otherwise it is one; an empty tuple means that its levels
        are learned from the training rows, a full one that any other value is an error.
    bounds : (float, float), optional
        Smallest and largest plausible value of a numeric variable, both included.
    log1p : bool
        Whether a count enters the model as log(1 + count).
    recorded : str, optional
        When and by what it was recorded, such as ``"last during the episode; LOINC 2951-2"``.
    separator : str, optional
        What stands between the codes of a set of codes, such as the diagnoses ``"I10;E11.9;N18"``; the variable is
        then one. Spaces around a code do not count, nor does a code that stands there twice; missing means no code.
    fewest : int
        Of a set of codes: one that fewer training encounters hold has no column of its own; those are one together.
    """

    name: str
    label: str
    unit: str | None = None
    levels: tuple[str, ...] | None = None
    bounds: tuple[float, float] | None = None
    log1p: bool = False
    recorded: str | None = None
    separator: str | None = None
    fewest: int = FEWEST

    def __post_init__(self) -> None:
        if self.is_codes:
            self._check_codes()
        if self.levels is not None and (self.unit or self.bounds or self.log1p):
            raise DataError(f"feature {self.name!r} has levels, so it takes no unit, bounds or log1p")
        if self.log1p and (self.bounds is None or self.bounds[0] < 0):
            raise DataError(f"feature {self.name!r} is to enter as log(1 + count): give it bounds that start at 0")

    def _check_codes(self) -> None:
        if self.levels is not None or self.unit or self.bounds or self.log1p:
            raise DataError(f"feature {self.name!r} is a set of codes, so it takes no levels, unit, bounds or log1p")
        if not isinstance(self.separator, str) or not 0 < len(self.separator) <= LARGEST_SEPARATOR:
            raise DataError(f"feature {self.name!r} needs what stands between its codes as a separator, such as ';'")
        if not isinstance(self.fewest, int) or isinstance(self.fewest, bool) or self.fewest < 1:
            raise DataError(
                f"feature {self.name!r}: fewest, the encounters that a code needs, is a whole number from 1"
            )

    @property
    def kind(self) -> Kind:
        """What is recorded: ``"number"``, ``"category"`` or ``"codes"``, a set of them in one text."""
        if self.separator is not None:
            return "codes"
        return "number" if self.levels is None else "category"

    @property
    def is_category(self) -> bool:
        """Whether the variable is a category."""
        return self.kind == "category"

    @property
    def is_codes(self) -> bool:
        """Whether the variable is a set of codes."""
        return self.kind == "codes"

    @property
    def is_number(self) -> bool:
        """Whether the variable is a number; all else is held as text."""
        return self.kind == "number"

    @property
    def in_words(self) -> str:
        """What the variable is, in words: ``"numeric"``, ``"a category"`` or ``"a set of codes"``."""
        return IN_WORDS[self.kind]


@dataclass(frozen=True, slots=True)
class BaselineSpec:
    """A score that the cohort carries to compare the model with; never a feature of the model.

    Parameters
    ----------
    name : str
        Column of the cohort's frame; larger values mean a higher risk.
    label : str
        What a clinician calls it.
    approximate : bool
        Whether parts of the published score are missing or stand for something else.
    note : str
        What is missing; an approximate score needs it, and every view of the score shows it.
    largest : int
        Largest value that it can take here; the smallest is 0.
    """

    name: str
    label: str
    approximate: bool
    note: str
    largest: int

    def __post_init__(self) -> None:
        if self.largest < 1:
            raise DataError(f"baseline {self.name!r} needs a largest value of 1 or more")
        if self.approximate and not self.note.strip():
            raise DataError(f"baseline {self.name!r} is approximate: say in its note what is missing")


@dataclass(frozen=True, slots=True)
class CohortSchema:
    """Which columns name the encounter, the patient and the outcome, and what the others mean.

    Parameters
    ----------
    encounter_id, patient_id, outcome : str
        Column names; the outcome is 1 where the event happened.
    features : tuple of FeatureSpec
        The recorded variables, in the order in which they are shown.
    outcome_label : str
        The event in words, to be read after "was": ``"readmitted within 30 days"``.
    subgroups : tuple of str
        Categories by which patients are grouped when the model's failures are explained.
    baselines : tuple of BaselineSpec
        Scores that the rows carry beside the features, to compare the model with.
    """

    encounter_id: str
    patient_id: str
    outcome: str
    features: tuple[FeatureSpec, ...]
    outcome_label: str = "readmitted within 30 days"
    subgroups: tuple[str, ...] = ()
    baselines: tuple[BaselineSpec, ...] = ()

    def __post_init__(self) -> None:
        names = [self.encounter_id, self.patient_id, self.outcome, *self.feature_names, *self.baseline_names]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DataError(f"the schema names {', '.join(twice)} more than once; give each column one meaning")
        if RESERVED in names:
            raise DataError(f"{RESERVED!r} is the name of the model's own constant; rename that column")
        if not self.features:
            raise DataError("the schema has no features; name at least one recorded variable")
        for name in self.subgroups:
            if not self.feature(name).is_category:
                raise DataError(
                    f"subgroup variable {name!r} is {self.feature(name).in_words}; name a category, or band it first"
                )

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the recorded variables, in order."""
        return tuple(spec.name for spec in self.features)

    @property
    def baseline_names(self) -> tuple[str, ...]:
        """Names of the scores that the model is compared with, in order."""
        return tuple(spec.name for spec in self.baselines)

    @property
    def categories(self) -> tuple[FeatureSpec, ...]:
        """The recorded variables that are categories."""
        return tuple(spec for spec in self.features if spec.is_category)

    @property
    def code_sets(self) -> tuple[FeatureSpec, ...]:
        """The recorded variables that are sets of codes."""
        return tuple(spec for spec in self.features if spec.is_codes)

    def feature(self, name: str) -> FeatureSpec:
        """Return the feature of that name.

        Raises
        ------
        DataError
            The schema has no such feature.
        """
        for spec in self.features:
            if spec.name == name:
                return spec
        raise DataError(f"no recorded variable is called {name!r}; there are: {', '.join(self.feature_names)}")
