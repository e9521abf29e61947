"""Which kernels are culled: those that nobody looks at any more, but none that was only just handed out."""

import time

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager


class CullingManager(AsyncMappingKernelManager):
    """A pooled kernel may have waited longer than the limit: its time counts from when it left the pool.

    Voila asks for culling only where a kernel is in no pool, so the first time that it asks is taken for that moment.
    """

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]
        self._seen_s: dict[str, float] = {}

    async def cull_kernel_if_idle(self, kernel_id: str) -> None:
        """Cull a kernel that is idle, once it has been out of the pool for as long as the limit."""
        seen = self._seen_s.setdefault(kernel_id, time.monotonic())
        if time.monotonic() - seen >= self.cull_idle_timeout:
            await super().cull_kernel_if_idle(kernel_id)  # type: ignore[no-untyped-call]
        if kernel_id not in self:
            self._seen_s.pop(kernel_id, None)
