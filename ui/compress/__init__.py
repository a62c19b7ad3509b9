"""The Compress page."""
