"""Reinforcement-learning agents, environments and perception, by their interfaces."""
