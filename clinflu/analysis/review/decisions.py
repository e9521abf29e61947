"""What reviewers decided about past records, from the verdicts that stand, and what each decision does to training."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from clinflu.data.pseudonym import Pseudonyms
from clinflu.errors import DataError
from clinflu.study import Study
from clinflu.verdicts import RECORD, WRONG_LABEL

NO_EVENT, OTHER, LEFT_OUT = "no event", "the other outcome", "left out"
FIXES = {"planned": NO_EVENT, "transfer": NO_EVENT, "wrong_patient": OTHER, "died": LEFT_OUT}
DISPUTED, UNCLEAR = "disputed", "unclear"
COLUMNS = ("says", "reviewers", "author", "note")


@dataclass(frozen=True, repr=False)
class Decisions:
    """What was decided about training encounters, in the order in which they were first judged.

    Parameters
    ----------
    frame : DataFrame
        Index: encounter id. ``says``: a key of ``RECORD``, or ``"disputed"`` where reviewers contradict each other;
        ``reviewers``, how many; ``author`` and ``note`` of the last one.
    unknown : int
        Verdicts on records that bear a name which is none of a training encounter under this user's key.
    """

    frame: pd.DataFrame
    unknown: int = 0

    def __repr__(self) -> str:
        return f"Decisions on {len(self.frame):,} past records, {len(self.wrong):,} of them wrong labels"

    @property
    def wrong(self) -> dict[str, str]:
        """Encounter id and verdict of each accepted wrong label, in the order of review."""
        accepted = self.frame["says"].isin(WRONG_LABEL)
        return {str(one): str(says) for one, says in self.frame.loc[accepted, "says"].items()}

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be said of them."""
        found = []
        disputed = int((self.frame["says"] == DISPUTED).sum())
        if disputed:
            records = "1 record" if disputed == 1 else f"{disputed:,} records"
            found.append(f"Reviewers contradict each other on {records}: nothing is mended there.")
        if self.unknown:
            one = "1 verdict bears a name that your account does not know, and is not counted"
            more = f"{self.unknown:,} verdicts bear names that your account does not know, and are not counted"
            counted = one if self.unknown == 1 else more
            found.append(f"{counted}. A team that shares one log shares one pseudonym key.")
        return tuple(found)

    def to_frame(self) -> pd.DataFrame:
        """Return them as a table of one's own."""
        return self.frame.copy()


def decisions(study: Study, verdicts: pd.DataFrame, names: Pseudonyms) -> Decisions:
    """Return what the verdicts that stand decide about training encounters.

    A reviewer's last word on a record counts, wherever it was said. A label is wrong where at least one reviewer says
    so in a way that fixes it and nobody says that it is correct, or wrong in a way that fixes it otherwise.

    Parameters
    ----------
    study : Study
    verdicts : DataFrame
        As ``VerdictStore.current`` returns them: encounters bear pseudonyms.
    names : Pseudonyms
    """
    ids = [str(one) for one in study.train_ids]
    by_name = dict(zip(names.encounters(ids), ids, strict=True))
    of_records = verdicts[verdicts["subject"] == "record"].sort_index()
    known = of_records.assign(encounter_id=of_records["encounter"].map(by_name))
    known = known[known["encounter_id"].notna()]
    rows = [_decided(str(one), group) for one, group in known.groupby("encounter_id", sort=False)]
    index = pd.Index([one for one, _ in rows], dtype="object", name="encounter_id")
    frame = pd.DataFrame([row for _, row in rows], index=index, columns=list(COLUMNS))
    return Decisions(frame, len(of_records) - len(known))


def fixes_of(study: Study, wrong: Mapping[str, str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what accepted wrong labels do to the training rows.

    A planned readmission or a transfer does not count as an event; a record of the wrong patient gets the other
    outcome; who died could not be readmitted, and is left out, as the cohort leaves out those whose death is known.

    Parameters
    ----------
    study : Study
    wrong : mapping
        Encounter id -> key of ``FIXES``.

    Returns
    -------
    rows : (k,) int
        Positions among the training rows.
    weights, y : (k,)
        Their new weights and outcomes.

    Raises
    ------
    DataError
        An encounter did not teach the model, or what is wrong with its label is no key of ``FIXES``.
    """
    rows = study.training_positions(list(wrong))
    if (rows < 0).any():
        raise DataError("only labels of encounters that taught the model can be mended; leave out the others")
    if not set(wrong.values()) <= FIXES.keys():
        raise DataError(f"what is wrong with a label is one of: {', '.join(FIXES)}")
    train, fixes = study.train, [FIXES[says] for says in wrong.values()]
    y = np.array([_outcome(fix, train.y[row]) for fix, row in zip(fixes, rows, strict=True)], dtype=float)
    weights = np.array(
        [0.0 if fix == LEFT_OUT else train.weights[row] for fix, row in zip(fixes, rows, strict=True)], dtype=float
    )
    return rows, weights, y


def check_says(outcome: int, says: str) -> None:
    """Raise DataError where a verdict on a record is none, or cannot be true of the outcome that it holds."""
    if says not in RECORD:
        raise DataError(f"a record is said to be one of: {', '.join(RECORD)}")
    if FIXES.get(says) == NO_EVENT and not outcome:
        raise DataError("no event is recorded there that could have been planned or a transfer; say what else it is")


def _outcome(fix: str, recorded: float) -> float:
    if fix == NO_EVENT:
        return 0.0
    return 1.0 - recorded if fix == OTHER else recorded


def _decided(encounter_id: str, group: pd.DataFrame) -> tuple[str, tuple[str, int, str, str]]:
    """Return what all reviewers together say of a record."""
    last = group.drop_duplicates("author", keep="last")
    said = set(last["says"]) - {UNCLEAR}
    fixes = {FIXES.get(one, "as it is") for one in said}
    newest = last.iloc[-1]
    if len(fixes) > 1:
        says = DISPUTED
    elif said:
        says = str(last.loc[last["says"] != UNCLEAR, "says"].iloc[-1])
    else:
        says = UNCLEAR
    return encounter_id, (says, len(last), str(newest["author"]), str(newest["note"]))


def words_of(says: str) -> str:
    """Return a decision in words."""
    return "disputed: reviewers contradict each other" if says == DISPUTED else RECORD[says]
