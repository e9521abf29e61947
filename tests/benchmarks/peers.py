"""Other libraries, run in their own venv by one process that takes turns with this one."""

import json
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from problems import Problem

WORKER = Path(__file__).with_name("peer_worker.py")


class PeerError(Exception):
    """A peer library is not there or did not do what was asked."""


class Peers:
    """One process of the peer venv that holds the problem and our coefficients."""

    def __init__(self, python: Path, problem: Problem) -> None:
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "problem.npz"
        np.savez(
            path,
            x=problem.x,
            y=problem.y,
            penalty=problem.common_penalty,
            theta=problem.train.model.theta,
            x_audited=problem.x_audited,
            y_audited=problem.y_audited,
        )
        try:
            self._process = subprocess.Popen(
                [python, "-W", "ignore", WORKER, path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        except OSError as error:
            self._folder.cleanup()
            raise PeerError(f"{python} does not start: {error.strerror}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let the process end; it does when nothing more can be asked."""
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._folder.cleanup()

    def seconds(self, task: str, **options: float) -> float:
        """Return how long a task took there."""
        return self._ask(task, options)["seconds"]

    def values(self, task: str, **options: float) -> np.ndarray:
        """Return what a task computed there."""
        return np.array(self._ask(task, {**options, "values": True})["values"])

    def versions(self) -> dict[str, str]:
        """Return the versions of what is compared."""
        return self._ask("versions", {"values": True})["values"]

    def _ask(self, task: str, options: dict[str, float]) -> dict:
        try:
            self._process.stdin.write(json.dumps({"task": task, **options}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise PeerError(f"the peer process ended at {task}")
        answer = json.loads(line)
        if "error" in answer:
            raise PeerError(f"{task}: {answer['error']}")
        return answer
