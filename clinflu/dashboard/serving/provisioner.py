"""Kernels as forks of one warm process, through the extension point that jupyter_client has for it."""

import asyncio
import os
import signal
import subprocess
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from multiprocessing.forkserver import ensure_running
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from clinflu.dashboard.serving.kernel import run_kernel

PRELOADED = "clinflu.dashboard.serving.preload"


def start_warm_parent() -> None:
    """Start the process that all kernels are forked from; what it does first takes seconds, and nobody waits here."""
    get_context("forkserver").set_forkserver_preload([PRELOADED])
    ensure_running()


class ForkedProcess:
    """A forked process, as :class:`subprocess.Popen` would have it.

    Parameters
    ----------
    process : multiprocessing.Process
        Started.
    """

    stdin = stdout = stderr = None

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid or 0

    def poll(self) -> int | None:
        """Return how it ended, or None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait until it has ended and return how."""
        self._process.join(timeout)
        return self._process.exitcode

    def send_signal(self, signum: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, signum)

    def terminate(self) -> None:
        """Tell it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


class ForkProvisioner(LocalProvisioner):
    """Starts each kernel as a fork of the warm parent, and an ordinary one where that fails."""

    process: Any = None

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start a kernel.

        Parameters
        ----------
        cmd : list of str
            The command of an ordinary kernel.
        **kwargs
            Its environment and its folder.
        """
        try:
            process = await asyncio.to_thread(self._fork, kwargs["env"], str(kwargs.get("cwd") or Path.cwd()))
        except (OSError, EOFError):
            silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            return await super().launch_kernel(cmd, **{**kwargs, **silent})
        self.process = ForkedProcess(process)
        self.pid, self.cwd = self.process.pid, kwargs.get("cwd")
        return self.connection_info

    def _fork(self, environment: dict[str, str], folder: str) -> ForkServerProcess:
        """Fork the warm parent, which may have to become warm first."""
        start_warm_parent()
        plain = {os.fsencode(name): os.fsencode(value) for name, value in environment.items()}  # Voila's are classes
        asked = (self.parent.connection_file, plain, folder)
        process = get_context("forkserver").Process(target=run_kernel, args=asked, daemon=True)
        process.start()
        return process
