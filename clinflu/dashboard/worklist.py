"""All audited encounters, of which the page shows one window: which, in which order, and what an alert means."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from clinflu.analysis.mistakes import FALSE_ALARM, RIGHT, kinds
from clinflu.analysis.mistakes import MISSED as MISSED_KIND
from clinflu.analysis.similar import similar_encounters
from clinflu.audit import Audit
from clinflu.dashboard.screen import (
    ALARM,
    BY_NAME,
    CHILDREN,
    HIGHEST,
    LOW,
    LOWEST,
    MISSED,
    OLD,
    OLDEST,
    WORST,
    YOUNGEST,
    Screen,
)
from clinflu.dashboard.search import Search
from clinflu.data.age import age_bounds, age_feature, is_65_and_over, is_child
from clinflu.data.arrays import Flags, Rows, Vector
from clinflu.data.shown import shown
from clinflu.model.logistic import row_loss

PAGE_ROWS = 10


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a threshold means among the audited encounters, in numbers of encounters."""

    encounters: int
    events: int
    alerts: int
    caught: int

    @property
    def missed(self) -> int:
        """Events without an alert."""
        return self.events - self.caught

    @property
    def false_alarms(self) -> int:
        """Alerts without an event."""
        return self.alerts - self.caught


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the list.

    Parameters
    ----------
    encounter_id, name : str
        The name is its pseudonym.
    risk : float
    outcome : int
    kind : str
    surprising : bool
        Whether what happened is surprising at this risk.
    risk_differs : bool
        Whether patients at this risk had another rate of events than the risk says, beyond chance, on the side of
        the mistake.
    age : str
        As a person sees it; empty where no age is recorded.
    """

    encounter_id: str
    name: str
    risk: float
    outcome: int
    kind: str
    surprising: bool
    risk_differs: bool
    age: str


class Worklist:
    """The audited encounters of an audit.

    Parameters
    ----------
    audit : Audit
    """

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        study = audit.study
        self.rows: Rows = study.split.audited
        self.ids = study.design.encounter_ids[self.rows]
        self.risk: Vector = study.risks[self.rows]
        self.outcome: Vector = study.design.y[self.rows]
        self.loss: Vector = row_loss(study.margins[self.rows], self.outcome)
        self._last: tuple[object, Rows] | None = None
        self._window: tuple[object, tuple[Listed, ...]] | None = None
        self.age = age_feature(audit.cohort.schema, audit.cohort.frame)
        self._kinds: tuple[float, np.ndarray] | None = None
        self._found: tuple[str, Flags] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def kinds(self, threshold: float) -> "np.ndarray":
        """Return whether each prediction is right, missed or a false alarm."""
        if self._kinds is None or self._kinds[0] != threshold:
            self._kinds = threshold, kinds(self.risk, self.outcome, threshold)
        return self._kinds[1]

    def meaning(self, threshold: float) -> Meaning:
        """Return what a threshold means."""
        alert, event = self.risk >= threshold, self.outcome == 1
        return Meaning(len(self.rows), int(event.sum()), int(alert.sum()), int((alert & event).sum()))

    def flags(self, screen: Screen, low: Flags | None) -> dict[str, Flags]:
        """Return, for each chip, which encounters it keeps; the support only where it is known."""
        kind = self.kinds(screen.threshold)
        known = {CHILDREN: self._children, OLD: self._old, MISSED: kind == MISSED_KIND, ALARM: kind == FALSE_ALARM}
        return known if low is None else {**known, LOW: low}

    def found(self, text: str) -> Flags:
        """Return which encounters a search finds; see :class:`clinflu.dashboard.search.Search`."""
        if self._found is None or self._found[0] != text:
            everybody = np.ones(len(self.rows), dtype=bool)  # without a search, nobody waits for one to be prepared
            self._found = text, self._search.found(text) if text.strip() else everybody
        return self._found[1]

    def order(self, screen: Screen, low: Flags | None = None) -> Rows:
        """Return the places of the encounters that the screen lists, in its order.

        Parameters
        ----------
        screen : Screen
        low : (n,) bool, optional
            Whose support is low; where it is not known yet, that chip keeps nobody.
        """
        key = (screen.threshold, screen.chips, screen.search, screen.sort, low is not None)
        if self._last is None or self._last[0] != key:
            self._last = key, self._ordered(screen, low)
        return self._last[1]

    def window(self, screen: Screen, low: Flags | None = None) -> tuple[Listed, ...]:
        """Return the lines of the page that the screen shows; see :meth:`order`."""
        order = self.order(screen, low)
        key = (screen.threshold, screen.chips, screen.search, screen.sort, low is not None, screen.page)
        if self._window is None or self._window[0] != key:
            start = screen.page * PAGE_ROWS
            self._window = key, self._listed(order[start : start + PAGE_ROWS], screen.threshold)
        return self._window[1]

    def _listed(self, places: Rows, threshold: float) -> tuple[Listed, ...]:
        if not len(places):
            return ()
        similar = similar_encounters(self._audit.study, self.rows[places])
        low = self.risk[places] < similar.event_rate
        differs = similar.rate_differs & (low == (self.outcome[places] == 1))
        ages = [""] * len(places)
        if self.age is not None:
            ages = [shown(self.age, one) for one in self._audit.cohort.frame[self.age.name].iloc[self.rows[places]]]
        kind, names = self.kinds(threshold), self.names(places)
        return tuple(
            Listed(
                encounter_id=str(self.ids[place]),
                name=names[row],
                risk=float(self.risk[place]),
                outcome=int(self.outcome[place]),
                kind=str(kind[place]),
                surprising=bool(similar.surprising[row]),
                risk_differs=bool(differs[row]),
                age=ages[row],
            )
            for row, place in enumerate(places)
        )

    def names(self, places: Rows) -> list[str]:
        """Return the pseudonyms of some encounters."""
        return self._audit.pseudonyms.encounters(map(str, self.ids[places]))

    def _ordered(self, screen: Screen, low: Flags | None) -> Rows:
        kept = np.ones(len(self.rows), dtype=bool)
        flags = self.flags(screen, low)
        for chip in screen.chips:
            kept &= flags.get(chip, np.zeros(len(self.rows), dtype=bool))
        kept &= self.found(screen.search)
        places = np.flatnonzero(kept)
        return places[self._sorting(screen)(places)]

    def _sorting(self, screen: Screen) -> Callable[[Rows], Rows]:
        wrong = self.kinds(screen.threshold) != RIGHT
        keys: dict[str, Callable[[Rows], tuple[np.ndarray, ...]]] = {
            WORST: lambda at: (-self.loss[at], ~wrong[at]),
            HIGHEST: lambda at: (-self.risk[at],),
            LOWEST: lambda at: (self.risk[at],),
            YOUNGEST: lambda at: (-self.loss[at], self._age[at]),
            OLDEST: lambda at: (-self.loss[at], -self._age[at]),
            BY_NAME: lambda at: (self._all_names[at],),
        }
        return lambda at: np.lexsort(keys[screen.sort](at))

    @cached_property
    def _all_names(self) -> "np.ndarray":
        return np.array(self.names(np.arange(len(self.rows))))

    @cached_property
    def _search(self) -> Search:
        return Search(self._audit, self._all_names)

    @cached_property
    def _age(self) -> Vector:
        """In years; NaN, where it is not known, comes last in either order."""
        low, _ = age_bounds(self._audit.cohort)
        return low[self.rows]

    @cached_property
    def _children(self) -> Flags:
        return is_child(self._audit.cohort)[self.rows]

    @cached_property
    def _old(self) -> Flags:
        return is_65_and_over(self._audit.cohort)[self.rows]
