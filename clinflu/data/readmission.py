"""What counts as a readmission: one explicit definition for every source that records stays."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from clinflu.data.asking import check_count, check_flag, check_number
from clinflu.errors import DataError

HOME, FACILITY, HOSPICE, AGAINST_ADVICE = "home", "another facility", "hospice", "against advice"
OTHER_HOSPITAL, PSYCHIATRY, REHABILITATION = "another hospital", "psychiatry", "rehabilitation"
DISPOSITIONS = (HOME, FACILITY, HOSPICE, AGAINST_ADVICE, OTHER_HOSPITAL, PSYCHIATRY, REHABILITATION)
EMERGENCY, URGENT, ELECTIVE, NEWBORN, OBSERVATION = "emergency", "urgent", "elective", "newborn", "observation"
NO_READMISSIONS = (PSYCHIATRY, REHABILITATION)  # types of stays that are never a readmission
ADMISSION_TYPES = (EMERGENCY, URGENT, ELECTIVE, NEWBORN, OBSERVATION, *NO_READMISSIONS)

Death = Literal["no event", "event", "excluded"]
DEATHS: tuple[Death, ...] = ("no event", "event", "excluded")
Unknown = Literal["complete", "excluded"]
UNKNOWN: tuple[Unknown, ...] = ("complete", "excluded")
LONGEST_WINDOW = 3650


@dataclass(frozen=True, slots=True)
class ReadmissionSpec:
    """Which stays could end in a readmission, and which next stay is one.

    A patient who died in hospital, or is still there, can never be readmitted. A stay that nobody followed for the
    whole window, and after which no readmission was seen, is left out and never taken for one without the event.

    Parameters
    ----------
    name : str
    window_days : int
        The last day that counts, itself included.
    calendar_days : bool
        Days are counted by the calendar, whatever the hour, as CMS does; otherwise a day is 24 hours.
    transfer_hours : float
        A stay that begins so soon after a discharge to another hospital is the same episode. Overlapping stays always
        are.
    gap_hours : float
        A stay that begins so soon after any discharge is the same episode.
    planned_count : bool
        Whether a planned next stay is a readmission; where it is not, nothing after it counts within the window.
    after_death : str
        What a death within the window without a readmission is: ``"no event"``, ``"event"`` or ``"excluded"``.
    unknown_follow_up : str
        Where the source does not say until when a patient was followed: ``"complete"`` or ``"excluded"``.
    leave_out : tuple of str
        Of ``DISPOSITIONS``: stays that ended so are no index stay.
    min_age_years : float, optional
        At admission; a stay of unknown age is left out too.
    admission_types : tuple of str, optional
        Of ``ADMISSION_TYPES``: only these are index stays.
    leave_out_types : tuple of str
        Of ``ADMISSION_TYPES``: these are no index stays.
    note : str
        What else a reader must know, such as what a measure asks that is not done here.

    References
    ----------
    Horwitz et al. (2014), Ann Intern Med 161:S66-S75, doi:10.7326/M13-3000 (the hospital-wide measure of CMS).
    """

    name: str = "any unplanned readmission within 30 days"
    window_days: int = 30
    calendar_days: bool = True
    transfer_hours: float = 24.0
    gap_hours: float = 0.0
    planned_count: bool = False
    after_death: Death = "no event"
    unknown_follow_up: Unknown = "complete"
    leave_out: tuple[str, ...] = (HOSPICE,)
    min_age_years: float | None = None
    admission_types: tuple[str, ...] | None = None
    leave_out_types: tuple[str, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        if check_count(self.window_days, "the window of a readmission, in days,", least=1) > LONGEST_WINDOW:
            raise DataError(f"the window of a readmission is at most {LONGEST_WINDOW:,} days; 30 is usual")
        for hours, what in ((self.transfer_hours, "the hours of a transfer"), (self.gap_hours, "the hours of a gap")):
            if not 0 <= check_number(hours, what) < 24 * self.window_days:
                raise DataError(f"{what} must lie between 0 and the window; 24 is usual for a transfer")
        check_flag(self.calendar_days, "calendar_days")
        check_flag(self.planned_count, "planned_count")
        _require(self.after_death, DEATHS, "a death after discharge")
        _require(self.unknown_follow_up, UNKNOWN, "follow-up that is not known")
        for one in self.leave_out:
            _require(one, DISPOSITIONS, "where a patient went")
        for one in (*(self.admission_types or ()), *self.leave_out_types):
            _require(one, ADMISSION_TYPES, "a type of admission")
        if self.admission_types == ():
            raise DataError("name at least one type of admission, or leave admission_types out for all")
        if self.min_age_years is not None and not check_number(self.min_age_years, "the lowest age") >= 0:
            raise DataError("the lowest age is a number of years of 0 or more")

    def in_words(self) -> tuple[str, ...]:
        """Return the definition as sentences, for a report."""
        unit = "calendar days" if self.calendar_days else "days of 24 hours"
        planned = "count too" if self.planned_count else "do not count, nor does what follows them within the window"
        death = {"no event": "is no event", "event": "is an event", "excluded": "leaves the stay out"}[self.after_death]
        follow = "is taken to be complete" if self.unknown_follow_up == "complete" else "leaves the stay out"
        also = f"; so are those within {self.gap_hours:g} hours after any discharge" if self.gap_hours else ""
        said = [
            f"{self.name[0].upper()}{self.name[1:]}.",
            f"The next stay begins within {self.window_days} {unit} after discharge, the last day included.",
            (
                f"Overlapping stays, and those that begin within {self.transfer_hours:g} hours after a discharge to "
                f"another hospital, are one episode{also}."
            ),
            f"Planned readmissions {planned}.",
            "A stay in psychiatry or rehabilitation is no readmission, and hides none that comes after it.",
            f"A death within the window without a readmission {death}.",
            f"A stay that was not followed for the whole window is left out; follow-up that is not known {follow}.",
        ]
        if self.leave_out:
            said.append(f"Left out as index stays, by where they ended: {', '.join(self.leave_out)}.")
        if self.min_age_years is not None:
            said.append(f"Index stays are of patients aged {self.min_age_years:g} or older.")
        if self.admission_types is not None:
            said.append(f"Index stays are of these types: {', '.join(self.admission_types)}.")
        if self.leave_out_types:
            said.append(f"Left out as index stays: those in {', '.join(self.leave_out_types)}.")
        return (*said, self.note) if self.note else tuple(said)

    def event_in_words(self) -> str:
        """Return the event as it is read after "was"."""
        kind = "readmitted" if self.planned_count else "readmitted unplanned"
        return f"{kind} within {self.window_days} days" + (" or died" if self.after_death == "event" else "")

    def to_dict(self) -> dict[str, Any]:
        """Return the definition as plain values, in the keys of a TOML file."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


def _require(value: object, known: tuple[str, ...], what: str) -> None:
    if value not in known:
        raise DataError(f"{what} is one of: {', '.join(known)}")


HOSPITAL_WIDE = ReadmissionSpec(
    name="hospital-wide 30-day readmission, in the manner of the CMS measure",
    leave_out=(AGAINST_ADVICE, OTHER_HOSPITAL),
    min_age_years=65.0,
    leave_out_types=(PSYCHIATRY, REHABILITATION),
    note=(
        "Of the CMS measure these are not applied, since no source records them: enrolment in Medicare, its list of "
        "planned procedures, admissions for medical treatment of cancer, and cancer hospitals that it leaves out."
    ),
)
