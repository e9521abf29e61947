"""What every source of hospital stays shares: its records in one form, and the features made of them."""

from data_loaders.hospital.cohort import hospital_cohort
from data_loaders.hospital.origin import Origin
from data_loaders.hospital.records import Records

__all__ = ["Origin", "Records", "hospital_cohort"]
