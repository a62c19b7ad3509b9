"""What stands around every page: the list of pages, the sidebar, the machine."""
