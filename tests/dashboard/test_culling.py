"""A kernel that waited long for its visitor is not culled at the moment when the visitor comes."""

import asyncio

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager

from clinflu.dashboard.serving.culling import CullingManager

LIMIT_S = 1


def test_the_time_of_a_kernel_counts_from_when_it_is_handed_out(monkeypatch):
    culled, now = [], [100.0]

    async def cull(_, kernel_id):
        culled.append(kernel_id)

    monkeypatch.setattr(AsyncMappingKernelManager, "cull_kernel_if_idle", cull)
    monkeypatch.setattr("clinflu.dashboard.serving.culling.time.monotonic", lambda: now[0])
    manager = CullingManager()
    manager.cull_idle_timeout = LIMIT_S
    manager._kernels["a"] = object()
    for second, expected in ((0.0, []), (0.9, []), (1.1, ["a"])):
        now[0] = 100.0 + second
        asyncio.run(manager.cull_kernel_if_idle("a"))
        assert culled == expected
