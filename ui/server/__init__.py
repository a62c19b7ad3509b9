"""What the web server does beside the pages: routes, identity, preloading, failures."""
