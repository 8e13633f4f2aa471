"""What every suite shares, in whichever environment it runs."""

import os

from hypothesis import settings

# Examples are the same on every run of CI, so that a red run can be repeated; at a desk they keep exploring.
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("desk", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "desk")
