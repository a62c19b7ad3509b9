"""The Distill page."""
