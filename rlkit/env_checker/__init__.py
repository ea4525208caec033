"""Check an environment: Gymnasium's API and common pitfalls."""

from rlkit.env_checker.issues import Issue, Report

__all__ = ["Issue", "Report"]
