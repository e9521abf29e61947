"""What altered training records can do to predictions: images unseen, clinical records within plausible values."""

from clinflu.analysis.adversarial.allowed import SAME_PICTURE, GreyLevels
from clinflu.analysis.adversarial.alteration import Alteration
from clinflu.analysis.adversarial.attack import Attack, Effort, attack
from clinflu.analysis.adversarial.campaign import Campaign, FlipCurve, campaign, digit_models, over_epsilon, over_rows
from clinflu.analysis.adversarial.candidates import Candidates, immutable_variables, plausible_values
from clinflu.analysis.adversarial.feature_maps import Pixels, RandomFeatures, frozen_network
from clinflu.analysis.adversarial.fragility import Fragility, fragility
from clinflu.analysis.adversarial.image_model import ImageModel
from clinflu.analysis.adversarial.observations import Observations, observations, refitted_strength
from clinflu.analysis.adversarial.question import Search
from clinflu.analysis.adversarial.records import (
    RecordCampaign,
    over_records,
    record_campaign,
    sizes_frame,
    smaller_study,
)
from clinflu.analysis.adversarial.together import rewritten_together

__all__ = [
    "SAME_PICTURE",
    "Alteration",
    "Attack",
    "Campaign",
    "Candidates",
    "Effort",
    "FlipCurve",
    "Fragility",
    "GreyLevels",
    "ImageModel",
    "Observations",
    "Pixels",
    "RandomFeatures",
    "RecordCampaign",
    "Search",
    "attack",
    "campaign",
    "digit_models",
    "fragility",
    "frozen_network",
    "immutable_variables",
    "observations",
    "over_epsilon",
    "over_records",
    "over_rows",
    "plausible_values",
    "record_campaign",
    "refitted_strength",
    "rewritten_together",
    "sizes_frame",
    "smaller_study",
]
