"""Times that can be compared: what is compared takes turns, A B A B, after a warm-up."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

ROUNDS = 7
SETTLE_SECONDS = 0.1  # idle BLAS and OpenMP threads of the one before spin for some ten milliseconds

Action = Callable[[], float]


@dataclass(frozen=True)
class Times:
    """Seconds of each action in each round."""

    seconds: dict[str, list[float]]

    def median(self, name: str) -> float:
        """Return the median time of an action, seconds."""
        return median(self.seconds[name])

    def ratio(self, name: str, to: str) -> float:
        """Return the median over the rounds of one action's time over another's."""
        return median(a / b for a, b in zip(self.seconds[name], self.seconds[to], strict=True))


def timed(work: Callable[[], object], repeat: int = 1) -> Action:
    """Return an action that does the work, where it is short several times, and gives the seconds of one."""

    def action() -> float:
        if repeat > 1:
            work()
        start = time.perf_counter()
        for _ in range(repeat):
            work()
        return (time.perf_counter() - start) / repeat

    return action


def take_turns(actions: dict[str, Action], rounds: int = ROUNDS, settle: float = SETTLE_SECONDS) -> Times:
    """Run each action once to warm up, then all of them in turn, round after round."""
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for turn in range(rounds + 1):
        for name, action in actions.items():
            time.sleep(settle)
            taken = action()
            if turn:
                seconds[name].append(taken)
    return Times(seconds)
