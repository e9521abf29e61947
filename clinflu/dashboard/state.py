"""What the user has chosen: the one thing in the dashboard that changes."""

import logging
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import pandas as pd
from traitlets import Float, HasTraits, Tuple, Unicode

from clinflu.analysis.flip_set import FlipSet
from clinflu.analysis.trace import Trace
from clinflu.analysis.what_if import Refit, Remove
from clinflu.audit import Audit
from clinflu.errors import ClinfluError, DataError
from clinflu.progress import silent

LOG = logging.getLogger("clinflu.dashboard")
UNEXPECTED = "That step failed, and nothing was changed. Try it again, or choose another prediction."
NOTHING = ""


class Panel(Protocol):
    """What the application needs of a panel."""

    title: str
    widget: Any

    def show(self, encounter_id: str) -> None:
        """Show a prediction, or with an empty id that none is chosen."""


class State(HasTraits):  # type: ignore[misc]
    """One session: plain Python, so that it can be tested without a browser.

    Parameters
    ----------
    audit : Audit

    Attributes
    ----------
    encounter_id : str
        The prediction that is explained; empty while none is chosen.
    threshold : float
        Risk from which the model alerts, a share of 1.
    kind, search : str
        Which mistakes are listed: of a kind, and with this text in their pseudonym; empty for all.
    selected : tuple of str
        Past encounters that the user has ticked.
    status, error : str
        One line each for the user; never a value of a patient.
    """

    encounter_id = Unicode(NOTHING)
    threshold = Float()
    kind = Unicode("")
    search = Unicode("")
    selected = Tuple()
    status = Unicode("")
    error = Unicode("")

    def __init__(self, audit: Audit) -> None:
        super().__init__(threshold=audit.threshold)
        self.audit = audit
        self.names = audit.pseudonyms
        self._listed: tuple[float, pd.DataFrame] | None = None

    @property
    def trace(self) -> Trace:
        """The explanation of the chosen prediction; the audit keeps it, so that every panel may ask."""
        return self.audit.trace(self.encounter_id, self.threshold)

    @property
    def all_mistakes(self) -> pd.DataFrame:
        """Every mistake at this threshold, worst first, with its pseudonym in ``name``."""
        if self._listed is None or self._listed[0] != self.threshold:
            frame = self.audit.mistakes(self.threshold)
            self._listed = (self.threshold, frame.assign(name=[self.names.encounter(str(one)) for one in frame.index]))
        return self._listed[1]

    @property
    def mistakes(self) -> pd.DataFrame:
        """The mistakes of the chosen kind whose pseudonym holds the searched text."""
        frame = self.all_mistakes
        if self.kind:
            frame = frame[frame["kind"] == self.kind]
        return frame[frame["name"].str.contains(self.search.strip().upper(), regex=False)]

    def choose(self, encounter_id: str) -> None:
        """Explain another prediction; where that fails, nothing changes."""
        name = self.names.encounter(encounter_id)
        self.status = f"Tracing {name} and refitting the model without each of its strongest past patients …"
        self.audit.trace(encounter_id, self.threshold)
        self.selected = ()
        self.encounter_id = encounter_id
        self.status = f"Showing {name}."

    def set_threshold(self, threshold: float) -> None:
        """Move the alert threshold; where that makes no sense, nothing changes."""
        self.audit.mistakes(threshold)
        if self.encounter_id:
            self.audit.trace(self.encounter_id, threshold)
        self.threshold = threshold
        self.status = f"{len(self.all_mistakes):,} predictions were wrong at this threshold."

    def without(self, encounter_ids: Iterable[str]) -> Refit:
        """Refit the model without these past encounters."""
        self.status = "Refitting the model …"
        refit = self.audit.what_if(Remove(list(encounter_ids)))
        self.status = f"Refitted without {refit.encounters_removed} past encounters."
        return refit

    def fewest(self) -> FlipSet:
        """Search the fewest past patients without whom the decision would be another."""
        self.status = "Searching the fewest past patients that would change the decision …"
        found = self.audit.flip_set(self.encounter_id, threshold=self.threshold, progress=silent)
        self.status = f"Searched: {found.status}."
        return found

    def encounter_of(self, name: str, among: Iterable[str]) -> str:
        """Return which of these encounters a pseudonym stands for, or raise DataError."""
        for encounter_id in among:
            if self.names.encounter(str(encounter_id)) == name:
                return str(encounter_id)
        raise DataError("that encounter is no longer listed; choose one from the table")

    def follow(self, panel: Panel) -> None:
        """Let a panel show whatever is chosen; one that fails shows nothing rather than another patient."""

        def show(_: Any) -> None:
            try:
                panel.show(self.encounter_id)
            except Exception:
                panel.show(NOTHING)
                raise

        self.observe(self.guarded(show), ["encounter_id", "threshold"])

    def watch(self, action: Callable[[], None], *names: str) -> None:
        """Run an action whenever one of these changes."""
        self.observe(self.guarded(lambda _: action()), list(names))

    def acting(self, action: Callable[..., None]) -> Callable[..., None]:
        """Return the action as a callback of the user's: the last error is gone, a new one is shown."""
        run = self.guarded(action)

        def start(*values: Any) -> None:
            self.error = ""
            run(*values)

        return start

    def guarded(self, action: Callable[..., None]) -> Callable[..., None]:
        """Return the action with every exception turned into one line for the user; nothing of it is logged."""

        def run(*values: Any) -> None:
            try:
                action(*values)
            except ClinfluError as error:
                self._fail(error.one_line)
            except Exception as error:  # noqa: BLE001
                LOG.error("%s in the dashboard", type(error).__name__)  # noqa: TRY400
                self._fail(UNEXPECTED)

        return run

    def _fail(self, line: str) -> None:
        self.error = line
        self.status = ""
