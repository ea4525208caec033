"""The sentence of a commentary, on a strip under the scene."""

import pygame

from rlkit.viewer.theme import HEAD, PANEL, TEXT, Pen

LINES = 2  # of the strip; the height does not change with the sentence
GAP = 10  # design pixels between scene and strip


def draw_sentence(surface: pygame.Surface, scene: pygame.Rect, sentence: str, pen: Pen) -> pygame.Rect:
    """Draw a sentence at the lower end of the space for the scene, and return the space above it."""
    line = max(pen.line_height(HEAD), pen.font(HEAD, text=sentence).get_linesize())
    height = LINES * line + 2 * pen.px(7)
    strip = pygame.Rect(scene.left, scene.bottom - height, scene.width, height)
    pygame.draw.rect(surface, PANEL, strip, border_radius=pen.px(7))
    inside = strip.inflate(-2 * pen.px(12), -2 * pen.px(7))
    lines = wrap(sentence, inside.width, pen)
    top = inside.top + (LINES - min(len(lines), LINES)) * line // 2
    for number, text in enumerate(lines[:LINES]):
        pen.text(surface, text, (inside.left, top + number * line), HEAD, TEXT, width=inside.width)
    return pygame.Rect(scene.left, scene.top, scene.width, scene.height - height - pen.px(GAP))


def wrap(sentence: str, width: int, pen: Pen) -> list[str]:
    """Break a sentence into lines between words; the last of `LINES` holds what is left."""
    lines: list[str] = []
    for word in sentence.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and (pen.width(longer, HEAD) <= width or len(lines) == LINES):
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
