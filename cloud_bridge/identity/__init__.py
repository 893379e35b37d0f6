"""Who is who: the certificates of vehicles, broker and bridge."""
