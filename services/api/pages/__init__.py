"""The web pages, one file per place."""

from services.api.pages import alert, alerts, overview

ROUTES = [*overview.ROUTES, *alerts.ROUTES, *alert.ROUTES]
