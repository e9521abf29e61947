"""What clinicians say of predictions and records, the signed log where it is kept, and who saw an identifier."""

from clinflu.verdicts.access import AccessLog
from clinflu.verdicts.store import VerdictStore, new_session
from clinflu.verdicts.verdict import PREDICTION, RECORD, VOCABULARY, WRONG_LABEL, Subject, Verdict, verdict
from clinflu.verdicts.verification import Verification

__all__ = [
    "PREDICTION",
    "RECORD",
    "VOCABULARY",
    "WRONG_LABEL",
    "AccessLog",
    "Subject",
    "Verdict",
    "VerdictStore",
    "Verification",
    "new_session",
    "verdict",
]
