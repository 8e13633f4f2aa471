"""What somebody sees who is not signed in and did not come through the form."""

from dashboard.parts.page import signed_out

signed_out()
