"""Keep in the store what is said on the screen, and take it back there when it is taken back here."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from clinflu.errors import ClinfluError, DataError, StoreError
from clinflu.verdicts import Verdict, VerdictStore, new_session

Verdicts: TypeAlias = tuple[Verdict, ...]
Step: TypeAlias = Callable[[str, str, Verdict], None]


class Filing:
    """The verdicts of one session on one audit.

    Parameters
    ----------
    audit : str
        Fingerprint of the study.
    store : VerdictStore, optional
        By default this user's, opened when the first verdict is given.
    """

    def __init__(self, audit: str, store: VerdictStore | None = None) -> None:
        self._audit = audit
        self._store = store
        self._session = new_session()

    def file(self, before: Verdicts, after: Verdicts) -> None:
        """Write down which verdicts came and went: all of it or, where that fails, none.

        Raises
        ------
        StoreError
            It cannot be kept; the message says what to do.
        """
        new, gone = ([one for one in these if one not in those] for these, those in ((after, before), (before, after)))
        if not new and not gone:
            return
        store = self._store = self._store or VerdictStore.of_this_user()
        standing = {Verdict.from_row(row) for row in store.current(self._audit).to_dict("records")}
        steps: list[tuple[Step, Step, Verdict]] = []
        steps += [(store.give, store.withdraw, one) for one in new if one not in standing]
        steps += [(store.withdraw, store.give, one) for one in gone]
        done: list[tuple[Step, Verdict]] = []
        try:
            for step, back, said in steps:
                if self._take(step, said):
                    done.append((back, said))
        except ClinfluError:
            for back, said in reversed(done):
                self._take(back, said)
            raise

    def others(self) -> Verdicts:
        """Return what other sessions said of past records and did not take back, in the order in which it was given.

        Raises
        ------
        StoreError
            The log cannot be read.
        """
        store = self._store = self._store or VerdictStore.of_this_user()
        standing = store.current(self._audit)
        rows = standing[(standing["subject"] == "record") & (standing["session"] != self._session)]
        return tuple(Verdict.from_row(row) for row in rows.to_dict("records"))

    def _take(self, step: Step, said: Verdict) -> bool:
        """Take a step; False where there was nothing to take back any more, as in a store that was begun anew."""
        try:
            step(self._audit, self._session, said)
        except StoreError:
            raise
        except DataError:
            return False
        return True


def joined(kept: Verdicts, others: Iterable[Verdict]) -> Verdicts:
    """Return verdicts and those others that are on something else: opening an older screen takes nothing back."""
    known = {(one.subject, one.encounter, one.about) for one in kept}
    return (*kept, *(one for one in others if (one.subject, one.encounter, one.about) not in known))
