"""Plotly figures: a DataFrame in, a Figure out."""
