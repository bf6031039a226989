"""A repository's secrets, bound to the repository they belong to."""

from uuid import UUID

from services.jobs.queries import seals
from shared.sealing import Drawer


def purpose(repository_id: UUID | str) -> str:
    """What binds the secrets to the repository."""
    return f"repository:{repository_id}"


DRAWER: Drawer[UUID] = Drawer("repositories", seals.read, seals.replace, purpose)
"""Where they are kept."""
