"""The first page: what is wrong now, and how the fleet does."""

from litestar import get
from litestar.response import Redirect

from shared.vocabulary import Role


@get("/", role=Role.VIEWER, sync_to_thread=False)
def overview_page() -> Redirect:
    """Go to the alerts."""
    return Redirect("/alerts")


ROUTES = [overview_page]
