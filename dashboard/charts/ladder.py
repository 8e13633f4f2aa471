"""The ladder of a tariff: what a kWh costs in each block, by band."""

import plotly.graph_objects as go

from dashboard.charts.template import (
    Chart,
    Palette,
    band_colours,
    band_name,
    band_order,
    block_colours,
    layout,
)
from dashboard.text.formatting import main_units, number, price
from dashboard.text.translate import _
from meter_bridge.core.money import divide_half_even
from meter_bridge.core.tariff.tariff import EXACT_SCALE, BlockSchedule, TariffVersion

WH_PER_KWH = 1_000


def price_with_tax(version: TariffVersion, block: int, band: str) -> int:
    """Return what a kWh costs, taxes and levies included; blocks count from 0."""
    return divide_half_even(version.taxed_value(version.price(block, band)) * WH_PER_KWH, EXACT_SCALE)


def block_names(ladder: BlockSchedule) -> list[str]:
    """Return each block with what it spans."""
    names, low = [], "0"
    for block in range(ladder.blocks):
        if block < len(ladder.limits):
            high = number(ladder.limits[block] / 1000)
            names.append(_("Block {number}", number=block + 1) + f"<br>{low}–{high}\N{NO-BREAK SPACE}kWh")
            low = high
        else:
            above = _("above {limit}", limit=low) if ladder.limits else _("all")
            names.append(
                (_("Block {number}", number=block + 1) if ladder.limits else _("One block"))
                + f"<br>{above}{chr(0xA0) + 'kWh' if ladder.limits else ''}"
            )
    return names


def block_prices(version: TariffVersion, palette: Palette) -> Chart:
    """Return the price per kWh of each block, taxes included, with a bar for each band."""
    figure = go.Figure(layout=layout(palette))
    bands = [band.name for band in version.bands]
    colours = band_colours(bands)
    for band in band_order(bands):
        ladder = version.ladders[version.schedule_of(band)]
        prices = [price_with_tax(version, block, band) for block in range(ladder.blocks)]
        figure.add_bar(
            name=band_name(band) or _("All hours"),
            x=block_names(ladder),
            y=[main_units(each, version.currency) for each in prices],
            customdata=[price(each, version.currency) for each in prices],
            text=[number(main_units(each, version.currency)) for each in prices],
            textposition="outside",
            cliponaxis=False,
            textfont={"color": palette.muted, "size": 11},
            hovertemplate="%{customdata}",
            marker={
                "color": colours[band] if len(bands) > 1 else block_colours(ladder.blocks, palette),
                "line": {"width": 0},
            },
        )
    figure.update_layout(
        barmode="group", bargap=0.35, bargroupgap=0.06, showlegend=len(bands) > 1, margin={"t": 22}
    )
    figure.update_layout(uniformtext={"minsize": 10, "mode": "hide"})  # too small to read on a phone
    return Chart(figure, _summary(version, bands))


def _summary(version: TariffVersion, bands: list[str]) -> str:
    every = [
        price_with_tax(version, block, band)
        for band in bands
        for block in range(version.ladders[version.schedule_of(band)].blocks)
    ]
    low, high = price(min(every), version.currency), price(max(every), version.currency)
    if low == high:
        return _("Every kWh costs {price}, taxes included.", price=low)
    return _("A kWh costs from {low} to {high}, taxes included.", low=low, high=high)
