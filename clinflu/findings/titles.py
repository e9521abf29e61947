"""The sections of the report by key, in their order."""

TITLES = {
    "summary": "Summary",
    "data": "Data and flowchart",
    "model": "The model",
    "performance": "Performance",
    "calibration": "Calibration and decision curves",
    "subgroups": "Subgroups",
    "weak_subgroups": "Weak subgroups",
    "why": "Influential patients, in aggregate",
    "limits": "Limits",
    "method": "Method",
    "provenance": "Provenance",
    "checklists": "Reporting checklists",
}
