"""Rendering for people; observations are drawn by ``sensors``."""
