"""The hospital case study of Koh & Liang (2017), section 5.3: a domain mismatch traced to four children."""

from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from clinflu.data.arrays import Flags, Matrix, Rows, Vector
from clinflu.data.design import Design
from clinflu.errors import DataError
from clinflu.influence.decomposition import column_sums
from clinflu.influence.interval import concentration
from clinflu.influence.refit import Change, Refitted, refit_each
from clinflu.influence.removal import exact_loss_change, exact_risk_change, loss_change, removal_effect
from clinflu.influence.training import TrainingRows
from clinflu.model.logistic import risk

NUMBERS = (
    "time_in_hospital",
    "num_lab_procedures",
    "num_procedures",
    "num_medications",
    "number_outpatient",
    "number_emergency",
    "number_inpatient",
    "number_diagnoses",
)
CATEGORIES = (
    "gender",
    "race",
    "age",
    "discharge_disposition_id",
    "max_glu_serum",
    "A1Cresult",
    "metformin",
    "repaglinide",
    "nateglinide",
    "chlorpropamide",
    "glimepiride",
    "acetohexamide",
    "glipizide",
    "glyburide",
    "tolbutamide",
    "pioglitazone",
    "rosiglitazone",
    "acarbose",
    "miglitol",
    "troglitazone",
    "tolazamide",
    "examide",
    "citoglipton",
    "insulin",
    "glyburide-metformin",
    "glipizide-metformin",
    "glimepiride-pioglitazone",
    "metformin-rosiglitazone",
    "metformin-pioglitazone",
    "change",
    "diabetesMed",
)
CODES = ("discharge_disposition_id",)
CHILD = "age=[0-10)"
CHILD_LEVEL = "[0-10)"
MISSING = "?"
ROWS_OF_EACH_CLASS = 10_000
SEED = 2
LAM_MEAN = 1e-4
AUDITED_POSITION = 1742
SHOWN = 10


@dataclass(frozen=True, slots=True)
class PastPatient:
    """One training row of the modified set and its effect on the audited prediction.

    ``loss_change`` is first order, in nats, negative where the patient is harmful; ``loss_change_refit`` and
    ``risk_change_refit`` (a share of 1) are what really happens.
    """

    train_position: int
    age: str
    readmitted: bool
    loss_change: float
    loss_change_refit: float
    risk_change_refit: float


@dataclass(frozen=True, slots=True)
class TestChild:
    """One child of the test set and its risk before and after the mismatch."""

    test_position: int
    readmitted: bool
    risk_original: float
    risk_modified: float


@dataclass(frozen=True, slots=True)
class CaseStudy:
    """Everything that the case study reports; ``to_dict`` gives its JSON."""

    train: dict[str, int]
    fit: dict[str, float]
    test: dict[str, int]
    audited: dict[str, float]
    harmful: tuple[PastPatient, ...]
    helpful: tuple[PastPatient, ...]
    ratio_to_next: dict[str, float]
    child_coefficient_rank: int
    children_top_variable: tuple[dict[str, int | str], ...]
    concentration: float
    children: tuple[TestChild, ...]

    def to_dict(self) -> dict[str, object]:
        """Return the published quantities as plain values."""
        values = asdict(self)
        del values["children"]
        return values

    def to_frame(self) -> pd.DataFrame:
        """Return the most harmful, then the most helpful past patients, one a row."""
        return pd.DataFrame([asdict(one) for one in (*self.harmful, *self.helpful)])


@dataclass(frozen=True, slots=True)
class Protocol:
    """The published preparation: the design of all rows, and the rows of each set in their order."""

    design: Design
    original: Rows
    modified: Rows
    test: Rows

    @property
    def child_column(self) -> int:
        """Position of the child indicator."""
        return self.design.columns.index(CHILD)

    def is_child(self, rows: Rows) -> Flags:
        """Whether each row is a child."""
        child: Flags = self.design.x[rows, self.child_column] == 1
        return child


def prepare(raw: pd.DataFrame) -> Protocol:
    """Follow the published protocol from the table to the training and test sets.

    Parameters
    ----------
    raw : DataFrame
        The UCI table as published, as text, all 101,766 rows in file order, ``"?"`` read as missing.

    Raises
    ------
    DataError
        The table does not give the published 127 columns, or has too few rows of a class.
    """
    absent = [name for name in (*NUMBERS, *CATEGORIES, "readmitted") if name not in raw.columns]
    if absent:
        raise DataError(f"the case study needs the UCI Diabetes table; absent: {', '.join(absent)}")
    design = _design(raw)
    original, test = _split(design.y)
    return Protocol(design, original, _without_most_healthy_children(design, original), test)


def case_study(raw: pd.DataFrame, test_position: int = AUDITED_POSITION) -> CaseStudy:
    """Reproduce the case study on the UCI table.

    Parameters
    ----------
    raw : DataFrame
        As for :func:`prepare`.
    test_position : int
        Row of the shuffled test set, from 0.

    Raises
    ------
    DataError
        No such table or no such test row.

    References
    ----------
    Koh & Liang (2017), arXiv:1703.04730, section 5.3.
    """
    protocol = prepare(raw)
    if not 0 <= test_position < len(protocol.test):
        raise DataError(f"there are test positions 0 to {len(protocol.test) - 1}; give one of them")
    return _Run(protocol, test_position).result()


def _design(raw: pd.DataFrame) -> Design:
    try:
        parts = [raw[list(NUMBERS)].to_numpy(dtype=float)]
        codes = {name: raw[name].astype(int) for name in CODES}
    except (TypeError, ValueError):
        raise DataError("a count or code of the table is no number; is it the UCI table as published?") from None
    columns, variables = list(NUMBERS), list(NUMBERS)
    for name in CATEGORIES:
        values = raw[name].fillna(MISSING).to_numpy(dtype=object)
        levels = [str(code) for code in sorted(codes[name].unique())] if name in CODES else sorted(set(values))
        kept = levels[1:] if len(levels) == 2 else levels
        parts.append((values[:, None] == np.array(kept, dtype=object)).astype(float))
        columns += [f"{name}={level}" for level in kept]
        variables += [name] * len(kept)
    y = (raw["readmitted"] == "<30").to_numpy(dtype=float)
    ids = pd.Index(raw["encounter_id"]), pd.Index(raw["patient_nbr"])
    return Design(np.hstack(parts), y, np.ones(len(y)), tuple(columns), tuple(variables), *ids)


def _split(y: Vector) -> tuple[Rows, Rows]:
    """Shuffle with numpy's legacy generator exactly as published."""
    generator = np.random.RandomState(SEED)  # the published order depends on it
    positives, negatives = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    if min(len(positives), len(negatives)) <= ROWS_OF_EACH_CLASS:
        raise DataError(f"the case study needs more than {ROWS_OF_EACH_CLASS:,} rows of each outcome")
    generator.shuffle(positives)
    generator.shuffle(negatives)
    train = np.concatenate([positives[:ROWS_OF_EACH_CLASS], negatives[:ROWS_OF_EACH_CLASS]])
    test = np.concatenate([positives[ROWS_OF_EACH_CLASS:], negatives[ROWS_OF_EACH_CLASS:]])
    generator.shuffle(train)
    generator.shuffle(test)
    return train, test


def _without_most_healthy_children(design: Design, train: Rows) -> Rows:
    """Drop all but the last of the children who were not readmitted."""
    child = design.x[train, design.columns.index(CHILD)] == 1
    healthy = np.flatnonzero(child & (design.y[train] == 0))
    return np.delete(train, healthy[:-1])


def _fit(design: Design, rows: Rows) -> TrainingRows:
    x = design.x[rows]
    penalty = np.full(x.shape[1], len(rows) * LAM_MEAN)
    return TrainingRows.fit(x, design.y[rows], np.ones(len(rows)), penalty)


class _Run:
    """One audited row of the case study."""

    def __init__(self, protocol: Protocol, test_position: int) -> None:
        self._protocol = protocol
        self._position = test_position
        self._x_test: Matrix = protocol.design.x[protocol.test]
        self._y_test: Vector = protocol.design.y[protocol.test]
        self._child = protocol.is_child(protocol.modified)

    @cached_property
    def _modified(self) -> TrainingRows:
        return _fit(self._protocol.design, self._protocol.modified)

    @cached_property
    def _risks(self) -> tuple[Vector, Vector]:
        original = _fit(self._protocol.design, self._protocol.original).model.theta
        return risk(self._x_test @ original), risk(self._x_test @ self._modified.model.theta)

    @cached_property
    def _margin_change(self) -> Vector:
        return removal_effect(self._modified, self._x_test[self._position])

    @property
    def _y(self) -> float:
        return float(self._y_test[self._position])

    @cached_property
    def _margin(self) -> float:
        return float(self._x_test[self._position] @ self._modified.model.theta)

    def result(self) -> CaseStudy:
        change = loss_change(self._margin_change, self._margin, self._y)
        harmful, helpful = np.argsort(change)[:SHOWN], np.argsort(-change)[:SHOWN]
        shown = self._past_patients(np.concatenate([harmful, helpful]), change)
        before, after = self._risks
        theta = self._modified.model.theta
        child_rows = np.flatnonzero(self._child)
        rank = int((np.abs(theta) > abs(theta[self._protocol.child_column])).sum()) + 1
        return CaseStudy(
            train=self._training_counts(),
            fit={
                "gradient_norm": self._modified.model.gradient_norm,
                "test_accuracy": float(((after > 0.5) == (self._y_test == 1)).mean()),
            },
            test=self._test_counts(),
            audited={
                "test_position": self._position,
                "risk_original": float(before[self._position]),
                "risk_modified": float(after[self._position]),
            },
            harmful=shown[:SHOWN],
            helpful=shown[SHOWN:],
            ratio_to_next={"harmful": self._ratio(-change), "helpful": self._ratio(change)},
            child_coefficient_rank=rank,
            children_top_variable=tuple(
                {"train_position": int(row), "variable": self._top_variable(int(row))} for row in child_rows
            ),
            concentration=concentration(self._margin_change, self._modified.patients),
            children=self._test_children(),
        )

    def _past_patients(self, rows: Rows, change: Vector) -> tuple[PastPatient, ...]:
        refits = refit_each(self._modified, [Change.removal(self._modified, np.array([row])) for row in rows])
        return tuple(
            self._past_patient(int(row), float(change[row]), one) for row, one in zip(rows, refits, strict=True)
        )

    def _past_patient(self, row: int, change: float, refitted: Refitted) -> PastPatient:
        margin_change = self._x_test[self._position] @ (refitted.theta - self._modified.model.theta)
        return PastPatient(
            train_position=row,
            age=self._age(row),
            readmitted=bool(self._modified.y[row]),
            loss_change=change,
            loss_change_refit=float(exact_loss_change(self._margin, margin_change, self._y)),
            risk_change_refit=float(exact_risk_change(self._margin, margin_change)),
        )

    def _age(self, row: int) -> str:
        design = self._protocol.design
        return next(
            name.removeprefix("age=")
            for name, value in zip(design.columns, self._modified.x[row], strict=True)
            if name.startswith("age=") and value == 1
        )

    def _ratio(self, strength: Vector) -> float:
        """Return strongest over strongest non-child, among those of the same sign."""
        return float(strength.max() / strength[~self._child].max())

    def _top_variable(self, row: int) -> str:
        inverse_hvp = self._modified.model.solve(self._x_test[self._position])
        sums = column_sums(self._modified, row, inverse_hvp, centred=False)
        return self._protocol.design.columns[int(np.abs(sums).argmax())]

    def _training_counts(self) -> dict[str, int]:
        design, original = self._protocol.design, self._protocol.original
        before = self._protocol.is_child(original)
        return {
            "rows": len(self._modified.x),
            "features": self._modified.x.shape[1],
            "children": int(self._child.sum()),
            "children_readmitted": int(self._modified.y[self._child].sum()),
            "children_before": int(before.sum()),
            "children_readmitted_before": int(design.y[original][before].sum()),
        }

    def _test_counts(self) -> dict[str, int]:
        children = self._test_children()
        flipped = sum((child.risk_original > 0.5) != (child.risk_modified > 0.5) for child in children)
        return {"rows": len(self._x_test), "children": len(children), "children_flipped": flipped}

    def _test_children(self) -> tuple[TestChild, ...]:
        before, after = self._risks
        positions = np.flatnonzero(self._protocol.is_child(self._protocol.test))
        return tuple(TestChild(int(k), bool(self._y_test[k]), float(before[k]), float(after[k])) for k in positions)
