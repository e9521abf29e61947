"""The dashboard for clinicians, in JupyterLab and under Voila."""

from clinflu.dashboard.app import app, saved

__all__ = ["app", "saved"]
