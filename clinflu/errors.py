"""The few kinds of error that a user can mend; every message says what to do next."""

__all__ = [
    "BackendError",
    "Cancelled",
    "ClinfluError",
    "DataError",
    "FitError",
    "LoaderError",
    "NonFiniteError",
    "NotConvergedError",
    "OneClassError",
    "SeparationError",
    "SingularHessianError",
    "StoreError",
    "TooFewRowsError",
    "TooLargeError",
    "TrustError",
]


class ClinfluError(Exception):
    """Base of every error that the user can fix; never holds a value of a patient."""

    @property
    def one_line(self) -> str:
        """The message on a single line, as the command line prints it."""
        return " ".join(str(self).split())


class Cancelled(ClinfluError):  # noqa: N818 -- not an error, but the end that was asked for
    """The user stopped long work; nothing of it is kept."""


class DataError(ClinfluError, ValueError):
    """What was asked for does not fit the cohort: an encounter, a variable, a level."""


class LoaderError(DataError):
    """A source cannot be read as a cohort; the message holds every problem found."""


class StoreError(DataError):
    """A saved model or audit is damaged, foreign or already there."""


class BackendError(ClinfluError):
    """What holds a large table failed: its disk, a part on it, or the cluster; nothing of the work is kept."""


class FitError(ClinfluError, ValueError):
    """A model cannot be fitted to these rows."""


class TooFewRowsError(FitError):
    """There are no rows to fit."""


class OneClassError(FitError):
    """All rows have the same outcome."""


class NonFiniteError(FitError):
    """A value is missing or infinite."""


class TooLargeError(FitError):
    """Values are so large that float64 cannot hold their squares beside the rest."""


class SeparationError(FitError):
    """Without a penalty, some combination of columns predicts the outcome perfectly."""


class SingularHessianError(FitError):
    """Some columns are combinations of others and nothing holds their coefficients."""


class NotConvergedError(FitError):
    """The stopping rule was not reached."""


class TrustError(ClinfluError):
    """The fit is such that no influence computed from it would mean anything."""
