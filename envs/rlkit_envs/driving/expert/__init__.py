"""The scripted expert: its racing line, its driving, and how it passes and yields to others."""
