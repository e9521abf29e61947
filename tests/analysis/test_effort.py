"""An experiment is whole only where that is asked for."""

import pytest

from clinflu.analysis.effort import effort


@pytest.mark.parametrize(("said", "plan"), [(None, 1), ("", 1), ("full", 2), ("fully", 1)])
def test_the_plan_follows_the_variable(monkeypatch, said, plan):
    monkeypatch.delenv("CLINFLU_NOTEBOOKS", raising=False)
    if said is not None:
        monkeypatch.setenv("CLINFLU_NOTEBOOKS", said)
    assert effort(1, 2) == plan
