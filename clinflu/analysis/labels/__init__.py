"""Wrong training labels: which order of checking finds them, and what mending them does to the model."""

from clinflu.analysis.labels.best import BestOrder, best_order, suspects
from clinflu.analysis.labels.fixing import Plan, fix_labels
from clinflu.analysis.labels.fixing_result import Fixing
from clinflu.analysis.labels.flips import FLIPPINGS
from clinflu.analysis.labels.orders import CONTROLS, ORDERS
from clinflu.analysis.labels.setting import BinarySetting
from clinflu.analysis.labels.setting_softmax import SoftmaxSetting

__all__ = [
    "CONTROLS",
    "FLIPPINGS",
    "ORDERS",
    "BestOrder",
    "BinarySetting",
    "Fixing",
    "Plan",
    "SoftmaxSetting",
    "best_order",
    "fix_labels",
    "suspects",
]
