"""Weather: presets, colour tables, sprites, and effects on the camera's image."""
