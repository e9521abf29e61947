"""When to stop reviewing charts: once a whole batch shows that there is little left to find, or time is used up."""

from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import beta

from clinflu.data.asking import is_whole
from clinflu.errors import DataError
from clinflu.verdicts import WRONG_LABEL

NOISE = (
    "Most suspects are no errors: outcomes are noisy by nature, and a record stands high in the queue because what "
    "happened was surprising, not because it is wrong."
)


@dataclass(frozen=True, slots=True)
class Rule:
    """Review in batches; after each whole batch, stop if the yield to be expected of the next is surely low.

    The bound is judged once a batch, on that batch alone: judged after every chart it would stop too early. It holds
    for the next batch as long as the queue puts the likelier errors first.

    Parameters
    ----------
    rate : float
        Stop when the upper bound of the share of wrong labels in the batch is below this.
    batch : int
        Charts in a batch; with none wrong the bound is 1 - (1 - level)^(1 / batch).
    budget : int, optional
        Charts that there is time for.
    level : float
        Of the one-sided bound.

    Raises
    ------
    DataError
        A batch that could never stop the review, or a number that makes no sense.
    """

    rate: float = 0.10
    batch: int = 30
    budget: int | None = None
    level: float = 0.95

    def __post_init__(self) -> None:
        if not 0 < self.rate < 1 or not 0 < self.level < 1:
            raise DataError("the rate at which to stop and its level lie between 0 and 1; 0.1 and 0.95 are usual")
        if not is_whole(self.batch) or self.batch < 1:
            raise DataError("a batch holds a whole number of charts from 1 on")
        if self.budget is not None and (not is_whole(self.budget) or self.budget < 1):
            raise DataError("the budget is a whole number of charts from 1 on")
        if upper_bound(0, self.batch, self.level) >= self.rate:
            raise DataError(
                f"a batch of {self.batch} charts can never show a yield below {100 * self.rate:g} %; make it larger"
            )


@dataclass(frozen=True, slots=True)
class Stopping:
    """Whether to stop.

    Parameters
    ----------
    rule : Rule
    reviewed, wrong : int
        Charts so far, and accepted wrong labels among them.
    in_batch : int
        Charts of the batch that is under way.
    last_wrong : int
        Wrong labels in the last whole batch.
    upper : float
        Clopper-Pearson upper bound of their share; 1 before the first whole batch.
    stop : bool
    """

    rule: Rule
    reviewed: int
    wrong: int
    in_batch: int
    last_wrong: int
    upper: float
    stop: bool

    @property
    def words(self) -> str:
        """In words."""
        rule = self.rule
        found = f"{self.reviewed:,} reviewed, {self.wrong:,} wrong label{'' if self.wrong == 1 else 's'} found."
        bound = (
            f"the last whole batch of {rule.batch} held {self.last_wrong}, so with {100 * rule.level:g} % confidence "
            f"at most {100 * self.upper:.1f} % of the next ones are wrong"
        )
        if self.stop and self.upper < rule.rate:
            return f"Stop: {bound}, below {100 * rule.rate:g} %. {found}"
        if self.stop:
            return f"Stop: the budget of {rule.budget:,} charts is used up. {found}"
        until = (
            f"Stop once a whole batch of {rule.batch} shows, with {100 * rule.level:g} % confidence, that fewer than "
            f"{100 * rule.rate:g} % of the next ones are wrong"
            f"{'' if rule.budget is None else f', or after {rule.budget:,} charts'}."
        )
        batch = f"{self.in_batch} of {rule.batch} charts of this batch are looked at."
        so_far = f" T{bound[1:]}." if self.reviewed >= rule.batch else ""
        return f"Go on: {batch}{so_far} {until} {found}"


def stopping(says: Sequence[str], rule: Rule | None = None) -> Stopping:
    """Say whether to stop.

    Parameters
    ----------
    says : sequence of str
        What was decided of each reviewed record, in the order of review, also of those judged outside of the queue;
        only accepted wrong labels count as found.
    rule : Rule, optional

    References
    ----------
    Clopper & Pearson (1934), doi:10.1093/biomet/26.4.404.
    """
    chosen = rule or Rule()
    wrong = [one in WRONG_LABEL for one in says]
    reviewed = len(wrong)
    whole = reviewed - reviewed % chosen.batch
    last = sum(wrong[whole - chosen.batch : whole]) if whole else 0
    upper = upper_bound(last, chosen.batch, chosen.level) if whole else 1.0
    used_up = chosen.budget is not None and reviewed >= chosen.budget
    stop = upper < chosen.rate or used_up
    return Stopping(chosen, reviewed, sum(wrong), reviewed - whole, last, upper, stop)


def upper_bound(found: int, of: int, level: float) -> float:
    """Return the one-sided Clopper-Pearson upper bound of a share."""
    return 1.0 if found >= of else float(beta.ppf(level, found + 1, of - found))
