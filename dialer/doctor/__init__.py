"""What is wrong with an installation, and what to do about it: every check looks for itself and changes nothing."""

from dialer.doctor.examination import Services, examine
from dialer.doctor.finding import Finding, State

__all__ = ["Finding", "Services", "State", "examine"]
