"""Voila with what it lacks: a sign that it is ready, and an end together with whoever started it."""

import asyncio
import logging
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.netutil import bind_sockets
from tornado.web import GZipContentEncoding
from traitlets import default
from voila.app import Voila  # type: ignore[import-untyped]
from voila.request_info_handler import RequestInfoSocketHandler  # type: ignore[import-untyped]
from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler  # type: ignore[import-untyped]

from clinflu.dashboard.serving.place import PLACE_VARIABLE, READY
from clinflu.dashboard.serving.processes import PORT

WATCH_EVERY_MS = 1000
GZIP_LEVEL = 1  # of the levels from 1 to 9 the quickest; here time is dearer than bytes
TOKEN = re.compile(r"(token(?:=|%3D))[^&\s'\")]+", re.IGNORECASE)


class WithoutTokens(logging.Filter):
    """Takes the token out of the addresses that are logged."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every line."""
        record.msg, record.args = TOKEN.sub(r"\1[secret]", record.getMessage()), ()
        return True


class Left(VoilaShutdownKernelHandler):  # type: ignore[misc]
    """Ends the kernel of a page that is left; the page asks as it goes, and cannot bring the XSRF token along."""

    def check_xsrf_cookie(self) -> None:
        """Take it as it is: the id of a kernel is random, and known to its own page alone."""


class Server(Voila):  # type: ignore[misc]
    """Serves one notebook from a private place; the settings of this machine's other servers do not reach it."""

    @default("config_file_paths")  # type: ignore[untyped-decorator]
    def _only_the_private_place(self) -> list[str]:
        return [os.environ[PLACE_VARIABLE]]

    def initialize(self, argv: list[str] | None = None) -> None:
        """Read the settings; from here on the process can be told to end."""
        self.ioloop = IOLoop.current()
        super().initialize(argv)

    def init_settings(self) -> dict[str, Any]:
        """Return the settings; what is sent is compressed, since most of it is JavaScript."""
        GZipContentEncoding.GZIP_LEVEL = GZIP_LEVEL
        return {**super().init_settings(), "compress_response": True, "websocket_compression_options": {}}

    def init_handlers(self) -> list[Any]:
        """Return the handlers, one that hears of a page that is left, and none that tells strangers about requests."""
        others = {RequestInfoSocketHandler: None, VoilaShutdownKernelHandler: Left}
        replaced = [(one, others.get(one[1], one[1])) for one in super().init_handlers()]
        return [(one[0], handler, *one[2:]) for one, handler in replaced if handler is not None]

    def listen(self) -> None:
        """Listen until the process is told to end, or until that which started it is gone, and then tidy up for it."""
        for name in ("access", "application", "general"):
            logging.getLogger(f"tornado.{name}").addFilter(WithoutTokens())
        parent = os.getppid()
        watch = PeriodicCallback(lambda: self._end_unless_child_of(parent), WATCH_EVERY_MS)
        watch.start()
        self._take_port()
        self.ioloop.add_callback(self._tell_when_ready)
        try:
            with suppress(KeyboardInterrupt):
                self.ioloop.start()
        finally:
            self.stop()
        if os.getppid() != parent:
            shutil.rmtree(os.environ[PLACE_VARIABLE], ignore_errors=True)

    def _take_port(self) -> None:
        """Listen, on a free port where none was asked for, and write which into the place."""
        try:
            sockets = bind_sockets(self.port, self.ip)
        except OSError as error:
            self.log.critical("the server could not listen: %s", error.strerror)
            self.exit(1)
        HTTPServer(self.app).add_sockets(sockets)
        unfinished = Path(os.environ[PLACE_VARIABLE], f"{PORT}.part")
        unfinished.write_text(str(sockets[0].getsockname()[1]))
        unfinished.rename(unfinished.with_suffix(""))

    def stop(self) -> None:
        """End the kernels, and then remove their folder, however often the process is told to end meanwhile."""
        loop = self.ioloop  # in which the kernels start
        ending = asyncio.ensure_future(self._end_kernels(), loop=loop.asyncio_loop)  # type: ignore[attr-defined]
        ending.add_done_callback(lambda _: loop.stop())
        while not ending.done():
            loop.start()
        ending.result()
        shutil.rmtree(self.connection_dir, ignore_errors=True)

    async def _end_kernels(self) -> None:
        """End every kernel, once none is starting or ending: at one of these jupyter-server would give up."""
        pending = self.kernel_manager._pending_kernels  # noqa: SLF001 -- nothing public tells
        await asyncio.gather(*pending.values(), return_exceptions=True)
        pending.clear()
        await self.kernel_manager.shutdown_all()

    def _end_unless_child_of(self, parent: int) -> None:
        if os.getppid() != parent:
            self.ioloop.stop()

    async def _tell_when_ready(self) -> None:
        """Make a file as soon as a kernel has run the notebook, so that whoever opens the page need not wait."""
        pools = self.kernel_manager._pools.values()  # noqa: SLF001 -- nothing public tells
        pooled = await asyncio.gather(*[kernel for pool in pools for kernel in pool])
        await asyncio.gather(*[kernel["task"] for kernel in pooled])
        Path(os.environ[PLACE_VARIABLE], READY).touch()
