"""A page's settings in its address."""
