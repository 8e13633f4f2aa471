"""The viewer of a page; determined at every run, so that a revoked token ends access at once."""

from collections.abc import Mapping
from typing import Final, cast

import streamlit as st

from dashboard.access import Viewer
from dashboard.settings import Settings, settings
from dashboard.signin.people import viewer_of_claims
from dashboard.signin.sessions import COOKIE, SESSIONS
from dashboard.signin.tokens import viewer_of_token
from meter_bridge.protocol.messages import Role

THIS_MACHINE: Final = Viewer(every_site=True, role=Role.LANDLORD, name="this machine")
"""Whoever reaches a dashboard without sign-in: reads everything, changes nothing."""


def current_viewer() -> Viewer | None:
    """Return who looks, or None for somebody who is not, or no longer, signed in."""
    current_settings = settings()
    if current_settings.without_sign_in:
        return THIS_MACHINE
    token = SESSIONS.token(session_cookie())
    if token is not None:
        return viewer_of_token(current_settings, token)
    return _through_provider(current_settings)


def session_cookie() -> str | None:
    """Return the cookie of the browser's session."""
    return st.context.cookies.get(COOKIE)


def provider_claims() -> Mapping[str, object]:
    """Return what the sign-in provider says of the person; nothing where nobody signed in through it."""
    if not getattr(st.user, "is_logged_in", False):
        return {}
    return cast("Mapping[str, object]", st.user.to_dict())


def _through_provider(current_settings: Settings) -> Viewer | None:
    if current_settings.people is None:
        return None
    claims = provider_claims()
    return viewer_of_claims(current_settings.people, claims) if claims else None
