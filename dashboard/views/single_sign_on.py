"""Sign-in through the provider that the dashboard is configured for (OpenID Connect)."""

import streamlit as st

from dashboard.settings import settings
from dashboard.signin.current import provider_claims
from dashboard.text.markup import page_title
from dashboard.text.translate import _


def show() -> None:
    """Lead to the provider, or say why the person that it named gets no further."""
    st.html(page_title(_("Single sign-on"), ""))
    if settings().people is None:
        st.info(_("Single sign-on is not set up here; docs/dashboard.md describes how."))
        return
    claims = provider_claims()
    if not claims:
        st.button(_("Continue to your provider"), type="primary", on_click=st.login)
        return
    who = str(claims.get("email") or claims.get("sub") or "")
    st.error(_("{name} has no access to this dashboard. Ask the landlord.", name=who))
    st.button(_("Sign out"), on_click=st.logout)


show()
