"""Runs in the peer venv: each line of JSON on stdin names a task, its answer is a line of JSON on stdout.

All peers get our coefficients, so that they differ from us only in how they compute influence. Their values come back
as the first-order change of the audited loss when a row is removed, in nats: w_i r_t r_i x_t' H^-1 x_i with H the
Hessian of the summed loss plus penalty.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np

COMPARED = ("numpy", "scipy", "torch", "pyDVL", "dattri", "glum", "tabmat")


class Worker:
    """The problem, and what each library has prepared."""

    def __init__(self, path: str) -> None:
        with np.load(path) as problem:
            self._x, self._y, self._theta = problem["x"], problem["y"], problem["theta"]
            self._penalty = float(problem["penalty"])
            self._x_audited, self._y_audited = problem["x_audited"], float(problem["y_audited"])
        self._pydvl: Any = None
        self._dattri: Any = None

    def versions(self) -> dict[str, str]:
        return {name: version(name) for name in COMPARED}

    def glum(self, tolerance: float) -> np.ndarray:
        """Fit from cold; glum minimises the mean loss, so its alpha is the penalty over n."""
        from glum import GeneralizedLinearRegressor

        model = GeneralizedLinearRegressor(
            family="binomial",
            alpha=self._penalty / len(self._x),
            l1_ratio=0,
            fit_intercept=False,
            solver="irls-ls",
            gradient_tol=tolerance,
        )
        return model.fit(self._x, self._y).coef_

    def pydvl_once(self) -> None:
        """Compute the explicit Hessian of the mean loss; the mean penalty is added to its diagonal."""
        from pydvl.influence.torch import DirectInfluence

        influence = DirectInfluence(self._model, self._loss, regularization=self._penalty / len(self._x))
        self._pydvl = influence.fit(self._loader(self._train))

    def pydvl(self) -> np.ndarray:
        """H is of the mean loss there: divide by n."""
        if self._pydvl is None:
            self.pydvl_once()
        return self._pydvl.influences(*self._audited, *self._train).numpy()[0] / len(self._x)

    def dattri_once(self) -> None:
        """Let dattri cache what it caches: the rows, not the Hessian, which it computes at every call."""
        from dattri.algorithm.influence_function import IFAttributorExplicit
        from dattri.task import AttributionTask
        from torch.func import functional_call

        def summed_loss(params: Any, data: Any) -> Any:
            x, y = data
            return self._loss(functional_call(self._model, params, x), y, reduction="sum")

        task = AttributionTask(summed_loss, self._model, self._model.state_dict())
        self._dattri = IFAttributorExplicit(task, regularization=self._penalty)
        self._dattri.cache(self._loader(self._train))

    def dattri(self) -> np.ndarray:
        if self._dattri is None:
            self.dattri_once()
        return self._dattri.attribute(self._loader(self._train), self._loader(self._audited)).detach().numpy()[:, 0]

    @cached_property
    def _torch(self) -> Any:
        import torch

        torch.set_default_dtype(torch.float64)
        return torch

    @property
    def _loss(self) -> Callable[..., Any]:
        return self._torch.nn.functional.binary_cross_entropy_with_logits

    @cached_property
    def _model(self) -> Any:
        """A linear layer without bias, at our coefficients."""
        model = self._torch.nn.Linear(len(self._theta), 1, bias=False)
        model.load_state_dict({"weight": self._torch.from_numpy(self._theta[None])})
        return model

    @cached_property
    def _train(self) -> tuple[Any, Any]:
        return self._torch.from_numpy(self._x), self._torch.from_numpy(self._y[:, None])

    @cached_property
    def _audited(self) -> tuple[Any, Any]:
        return self._torch.from_numpy(self._x_audited[None]), self._torch.tensor([[self._y_audited]])

    @staticmethod
    def _loader(rows: tuple[Any, Any]) -> Any:
        """All rows in one batch, the fastest for both libraries."""
        from torch.utils.data import DataLoader, TensorDataset

        return DataLoader(TensorDataset(*rows), batch_size=len(rows[0]))


TASKS = ("versions", "glum", "pydvl_once", "pydvl", "dattri_once", "dattri")


def answer(worker: Worker, request: dict[str, Any]) -> dict[str, Any]:
    """Do one task and time it."""
    task, wanted = request.pop("task"), request.pop("values", False)
    if task not in TASKS:
        return {"error": f"no task is called {task!r}"}
    try:
        start = time.perf_counter()
        values = getattr(worker, task)(**request)
        seconds = time.perf_counter() - start
    except Exception as error:  # noqa: BLE001 told to the other side
        return {"error": f"{type(error).__name__}: {error}"}
    return {"seconds": seconds, **({"values": getattr(values, "tolist", lambda: values)()} if wanted else {})}


def main(path: str) -> None:
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)  # what the libraries print is no answer
        worker = Worker(path)
        for line in sys.stdin:
            print(json.dumps(answer(worker, json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
