"""The web pages, one file per place."""

from services.api.pages import alerts, overview

ROUTES = [*overview.ROUTES, *alerts.ROUTES]
