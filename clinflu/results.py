"""Results that were computed already, found again by the content of the question; several threads may ask."""

from collections.abc import Callable
from threading import Lock
from typing import TypeVar, cast

from clinflu.data.digest import digest

KEPT = 64

Result = TypeVar("Result")


class Results:
    """The last results, each under the digest of what it was computed from.

    Parameters
    ----------
    of : str
        Digest of the data, the design, the penalty and the fit: the part of every question that stays the same.
    kept : int
        How many results; the one that was asked for longest ago goes first.
    """

    def __init__(self, of: str, kept: int = KEPT) -> None:
        self._of = of
        self._kept = kept
        self._found: dict[str, object] = {}
        self._changing = Lock()

    def get(
        self,
        question: str,
        about: tuple[object, ...],
        compute: Callable[[], Result],
        keep: Callable[[Result], bool] = lambda _: True,
    ) -> Result:
        """Return the result of a question, computed only if it is not there; an error or a stop leaves nothing behind.

        Parameters
        ----------
        question : str
            Its kind.
        about : tuple
            All that it depends on beside the study, as :func:`clinflu.data.digest.digest` takes it.
        compute : callable
        keep : callable
            Whether a result may be given again.
        """
        key = digest(self._of, question, about)
        with self._changing:
            known = key in self._found
            found = self._found.pop(key, None)
        result = cast("Result", found) if known else compute()
        if keep(result):
            self._keep(key, result)
        return result

    def _keep(self, key: str, result: object) -> None:
        with self._changing:
            self._found[key] = result
            while len(self._found) > self._kept:
                self._found.pop(next(iter(self._found)))

    def __len__(self) -> int:
        return len(self._found)
