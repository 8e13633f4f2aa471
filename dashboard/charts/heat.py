"""Heat map of hour × weekday."""

from collections.abc import Sequence
from typing import Final

import plotly.graph_objects as go

from dashboard.charts.template import Chart, Palette, layout
from dashboard.queries.profile import Profile
from dashboard.text.formatting import hour_of_day, kwh, weekdays
from dashboard.text.translate import _

HOURS: Final = 24
WEEK: Final = 7


def week_heat(profile: Profile, palette: Palette) -> Chart:
    """Return the mean energy of each hour of the week; hours that were never seen stay empty."""
    names = weekdays()
    cells = [[profile.get((weekday, hour)) for hour in range(HOURS)] for weekday in range(1, WEEK + 1)]
    figure = go.Figure(
        go.Heatmap(
            z=[[None if wh is None else wh / 1000 for wh in row] for row in cells],
            x=[f"{hour:02}:00" for hour in range(HOURS)],
            y=names,
            customdata=[["" if wh is None else kwh(round(wh)) for wh in row] for row in cells],
            hovertemplate="%{y} %{x}: %{customdata}<extra></extra>",
            colorscale=scale(palette),
            xgap=2,
            ygap=2,
            colorbar={"thickness": 10, "outlinewidth": 0, "tickfont": {"color": palette.muted, "size": 11}},
        ),
        layout=layout(palette),
    )
    figure.update_layout(hovermode="closest")
    figure.update_yaxes(autorange="reversed", showgrid=False, nticks=WEEK, dtick=1)
    figure.update_xaxes(nticks=9)
    return Chart(figure, _summary(profile, names))


def scale(palette: Palette) -> list[tuple[float, str]]:
    """Return the scale of quantities: from the panel to the accent, lightness alone."""
    return [(0.0, palette.accent_fill_solid), (1.0, palette.accent)]


def _summary(profile: Profile, names: Sequence[str]) -> str:
    if not profile:
        return _("Not enough full days yet.")
    weekday, hour = max(profile, key=lambda cell: profile[cell])
    most = kwh(round(profile[weekday, hour]))
    return _(
        "Most on {weekday} from {hour}: {most} an hour on average.",
        weekday=names[weekday - 1],
        hour=hour_of_day(hour),
        most=most,
    )
