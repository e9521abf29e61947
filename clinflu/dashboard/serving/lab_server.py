"""The server of JupyterLab, as its own process: ``clinflu lab`` starts it."""

from clinflu.dashboard.serving.lean import leave_out_unused

if __name__ == "__main__":
    leave_out_unused()

    from jupyterlab.labapp import main  # type: ignore[import-untyped]

    raise SystemExit(main())
