"""Small tools without a subject of their own: files, compilation, parsing, the system."""
