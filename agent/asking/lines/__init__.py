"""Lines: a bus as the asker uses it, by the kernel's ISO-TP or by the library's."""
