"""Files that a power cut spares."""
