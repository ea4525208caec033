"""What the world looks like: weathers, their colours, and what lies between the world and a camera."""
