"""Trace a wrong readmission prediction to the past patients who taught it."""
