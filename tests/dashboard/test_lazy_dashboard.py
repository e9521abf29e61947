"""The package of the dashboard imports its functions when they are first used."""

import subprocess
import sys

import pytest

import clinflu
from clinflu.dashboard import app, saved

SERVER = """
import sys
from clinflu.dashboard.serving.lean import leave_out_unused
leave_out_unused()
import clinflu.dashboard.serving.provisioner, clinflu.dashboard.serving.server
print(*sys.modules)
"""


def test_app_is_the_function_also_once_the_module_of_that_name_is_imported():
    code = (
        "from clinflu.dashboard.app import build; import clinflu, sys; "
        "sys.exit(clinflu.dashboard.app is not sys.modules['clinflu.dashboard.app'].app)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert (clinflu.dashboard.app, clinflu.dashboard.saved) == (app, saved)


def test_there_are_no_other_names():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        clinflu.dashboard.nothing  # noqa: B018


def test_the_server_imports_nothing_that_computes_and_builds_no_grammar():
    done = subprocess.run([sys.executable, "-c", SERVER], check=True, stdout=subprocess.PIPE, text=True)
    imported = set(done.stdout.split())
    assert "clinflu.dashboard.serving.server" in imported
    assert not {"numpy", "pandas", "clinflu.audit", "clinflu.dashboard.app", "lark"} & imported
