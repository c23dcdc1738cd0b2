"""What is done with a database that an older program wrote."""

from enum import StrEnum


class Upgrade(StrEnum):
    """Each before this program's own format is written, from which there is no way back."""

    COPY = "copy"
    """keep a copy beside it, then migrate"""
    MIGRATE = "migrate"
    """migrate at once"""
    REFUSE = "refuse"
    """leave it as it is, and don't open it"""
