"""What a forked process does: it becomes a kernel, and ends when the server does."""

import os
import threading
from multiprocessing import parent_process


def run_kernel(connection_file: str, environment: dict[bytes, bytes], folder: str) -> None:
    """Run a kernel until it is shut down.

    Parameters
    ----------
    connection_file : str
        How to reach it.
    environment : dict
        In place of that of the parent.
    folder : str
        To work in.
    """
    from ipykernel.kernelapp import IPKernelApp

    os.setsid()  # Ctrl+C in the terminal is for the server alone
    os.environb.clear()
    os.environb.update(environment)
    os.chdir(folder)
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    kernel = IPKernelApp.instance(parent_handle=os.getppid(), capture_fd_output=False)
    kernel.initialize(["-f", connection_file, "--HistoryManager.enabled=False"])
    try:
        kernel.start()
    finally:
        kernel.close()


def _end_with_the_server() -> None:
    """End this process as soon as the one that asked for it is gone, however it went."""
    server = parent_process()
    if server is not None:
        server.join()
        os._exit(1)
