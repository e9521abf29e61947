"""Write down what a reviewer says of a past record, or take it back, in the log that every view shares."""

from clinflu.analysis.review.decisions import check_says
from clinflu.data.pseudonym import Pseudonyms
from clinflu.errors import DataError
from clinflu.study import Study
from clinflu.verdicts import Verdict, VerdictStore, new_session, verdict
from clinflu.verdicts.verdict import account_name, one_line


def give_verdict(  # noqa: PLR0913 -- the parts of a verdict
    study: Study,
    store: VerdictStore,
    names: Pseudonyms,
    encounter_id: str,
    says: str,
    *,
    note: str = "",
    author: str = "",
) -> Verdict:
    """Keep a verdict on a past record, and return it.

    Parameters
    ----------
    study : Study
    store : VerdictStore
    names : Pseudonyms
    encounter_id : str
        Of a training encounter.
    says : str
        A key of ``RECORD``.
    note, author : str
        Without an author, the user of this machine's account.

    Raises
    ------
    DataError
        The encounter taught nothing, or that cannot be said of it.
    StoreError
        It was not kept.
    """
    check_says(_outcome(study, encounter_id), says)
    said = verdict("record", names.encounter(encounter_id), says, note=note, author=author)
    store.give(study.fingerprint, new_session(), said)
    return said


def withdraw_verdict(
    study: Study, store: VerdictStore, names: Pseudonyms, encounter_id: str, author: str = ""
) -> Verdict:
    """Take back the author's last verdict on a past record, and return it.

    Raises
    ------
    DataError
        No verdict of this author on that record stands.
    StoreError
        It was not taken back.
    """
    name, who = names.encounter(encounter_id), one_line(author) or account_name()
    standing = store.current(study.fingerprint)
    chosen = (standing["subject"] == "record") & (standing["encounter"] == name) & (standing["author"] == who)
    if not chosen.any():
        raise DataError("no verdict of this author on that record stands; give the author who said it with --author")
    said = Verdict.from_row(standing[chosen].to_dict("records")[-1])
    store.withdraw(study.fingerprint, new_session(), said)
    return said


def _outcome(study: Study, encounter_id: str) -> int:
    (position,) = study.training_positions([encounter_id])
    if position < 0:
        raise DataError("that encounter did not teach the model; only past records that did can be reviewed")
    return int(study.train.y[position])
