"""A commentary on driving: what the car does and why, in sentences of a grammar.

`facts` reads what is true from the simulator, `grammar` turns it into sentences of a language and back, `dataset` makes
examples of these for `rlkit.captioning`, and `commentator` writes subtitles.
"""
