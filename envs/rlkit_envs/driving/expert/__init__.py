"""The scripted expert: racing line, speed profile, path tracking, overtaking."""
