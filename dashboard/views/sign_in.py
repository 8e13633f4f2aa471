"""What somebody sees who is not signed in and did not come through the form."""

from dashboard.parts.page import show_signed_out

show_signed_out()
