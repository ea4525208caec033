"""Examines environments: Gymnasium's rules, and what bites people beyond them; `rlkit check` shows what comes of it."""

from rlkit.env_checker.issues import Issue, Report

__all__ = ["Issue", "Report"]
