"""What the processes of the page and of the notebooks import: no more than they use, and a kernel nothing anew."""

import os
import subprocess
import sys

import pytest

LAB = """
import runpy, sys
sys.argv = ["lab", "--version"]
try:
    runpy.run_module("clinflu.dashboard.serving.lab_server", run_name="__main__")
except SystemExit as end:
    assert not end.code
print(*(name for name, module in sys.modules.items() if module is not None))
"""
KERNEL = """
import os, sys
before = os.dup(1)
import clinflu.dashboard.serving.preload
known = set(sys.modules)
from clinflu.dashboard import saved
saved()
os.write(before, " ".join(sorted(set(sys.modules) - known)).encode() + b" end")
"""


@pytest.fixture
def words():
    """Run Python in a process of its own; return the words that it writes."""

    def run(code, **environment):
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, check=True, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True)
        return done.stdout.split()

    return run


def test_jupyterlab_builds_no_grammar(words):
    imported = words(LAB)
    assert "jupyterlab.labapp" in imported
    assert not {"rfc3987_syntax", "lark"} & set(imported)


def test_a_forked_kernel_finds_everything_imported(words, audit, tmp_path):
    audit.save(tmp_path / "audit")
    assert words(KERNEL, CLINFLU_AUDIT=str(tmp_path / "audit"), CLINFLU_PLOTLY_IN_PAGE="1") == ["end"]
