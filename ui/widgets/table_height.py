"""How high a table is drawn."""

ROW, BORDERS = 35, 3  # pixels; Streamlit draws its head as high as a row


def table_height(rows: int, most_rows: int) -> int:
    """Return the height of a table in pixels that shows all of its rows, or the most that it may."""
    return ROW * (1 + min(rows, most_rows)) + BORDERS
