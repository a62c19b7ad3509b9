"""Colours that tell runs apart, readable on light and on dark pages."""

SCALE = ("#3D6BE0", "#8257D3", "#B8479F", "#D9483B", "#DB7C00")  # from low to high
CATEGORIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#C28500", "#3E9BD1", "#7F7F7F", "#8B5A2B")  # after Okabe and Ito


def run_colours(count: int, *, ordered: bool) -> list[str]:
    """Return a #RRGGBB colour for each run: along a scale where their order is that of a number, else each its own hue."""
    if not ordered:
        return [CATEGORIES[position % len(CATEGORIES)] for position in range(count)]
    return [_along(position / max(count - 1, 1)) for position in range(count)]


def _along(share: float) -> str:
    """Return the colour at a share, 0 to 1, of the scale."""
    place = share * (len(SCALE) - 1)
    before = min(int(place), len(SCALE) - 2)
    pairs = zip(_parts(SCALE[before]), _parts(SCALE[before + 1]), strict=True)
    return "#" + "".join(f"{round(low + (high - low) * (place - before)):02X}" for low, high in pairs)


def _parts(colour: str) -> list[int]:
    return [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
