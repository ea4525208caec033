"""Circuits: from files, from a generator, and as centre lines that cars find their place on."""
