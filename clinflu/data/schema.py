"""What the columns of a cohort mean."""

from dataclasses import dataclass

from clinflu.errors import DataError

RESERVED = "intercept"


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
        ``None``: the variable is numeric. Otherwise it is a category; an empty tuple means that its levels
        are learned from the training rows, a full one that any other value is an error.
    bounds : (float, float), optional
        Smallest and largest plausible value of a numeric variable, both included.
    log1p : bool
        Whether a count enters the model as log(1 + count).
    recorded : str, optional
        When and by what it was recorded, such as ``"last during the episode; LOINC 2951-2"``.
    """

    name: str
    label: str
    unit: str | None = None
    levels: tuple[str, ...] | None = None
    bounds: tuple[float, float] | None = None
    log1p: bool = False
    recorded: str | None = None

    def __post_init__(self) -> None:
        if self.levels is not None and (self.unit or self.bounds or self.log1p):
            raise DataError(f"feature {self.name!r} has levels, so it takes no unit, bounds or log1p")
        if self.log1p and (self.bounds is None or self.bounds[0] < 0):
            raise DataError(f"feature {self.name!r} is to enter as log(1 + count): give it bounds that start at 0")

    @property
    def is_category(self) -> bool:
        """Whether the variable is a category."""
        return self.levels is not None


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
                raise DataError(f"subgroup variable {name!r} is numeric; name a category, or band it first")

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
