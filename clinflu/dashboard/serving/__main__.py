"""The server of the page, as its own process: ``clinflu app`` starts it.

It is a ``__main__`` because :mod:`multiprocessing` would import any other main module anew in each kernel.
"""

import os
from contextlib import suppress

from clinflu.dashboard.serving.lean import leave_out_unused
from clinflu.dashboard.serving.place import PLACE_VARIABLE, can_fork

if PLACE_VARIABLE not in os.environ:
    raise SystemExit("clinflu: start the page with: clinflu app")

if can_fork():
    from clinflu.dashboard.serving.provisioner import start_warm_parent

    with suppress(OSError):  # the kernels are ordinary ones then
        start_warm_parent()

leave_out_unused()

from clinflu.dashboard.serving.server import Server  # noqa: E402

Server.launch_instance()
