"""Korean sentences: "20 m 앞에 느린 차가 있어 속도를 줄입니다. 왼쪽에는 공간이 없습니다."."""

import re

from rlkit.commentary.grammar import Grammar

# A particle in brackets after a phrase, such as "<obstacle>[이/가]", takes the form that the last syllable calls for:
# the first after a consonant, the second after a vowel.
RULES = """
sentence -> <setting> <reason> <doing> . <mention> <room> <after>

setting [weather=fair] ->
setting [weather=rain] -> 빗길에서 | 비가 오는 가운데
setting [weather=snow] -> 눈길에서 | 눈이 오는 가운데
setting [weather=fog] -> 안개 속에서
setting [weather=night] -> 어두운 밤길에서 | 밤길에서
setting [weather=low-sun] -> 낮은 햇빛 속에서

doing [manoeuvre=standing] -> 멈춰 있습니다 | 서 있습니다
doing [manoeuvre=braking] -> 속도를 줄입니다 | 감속합니다
doing [manoeuvre=accelerating] -> 속도를 높입니다 | 가속합니다
doing [manoeuvre=keeping-speed] -> 속도를 유지합니다 | 그대로 달립니다
doing [manoeuvre=turning-left] -> 왼쪽으로 돕니다 | 왼쪽으로 꺾습니다
doing [manoeuvre=turning-right] -> 오른쪽으로 돕니다 | 오른쪽으로 꺾습니다
doing [manoeuvre=moving-left] -> 왼쪽으로 피합니다 | 왼쪽으로 비켜 갑니다
doing [manoeuvre=moving-right] -> 오른쪽으로 피합니다 | 오른쪽으로 비켜 갑니다
doing [manoeuvre=passing] -> 지나갑니다 | 지나쳐 갑니다

reason [cause=clear-road] -> 길이 비어 있어 | 앞이 트여 있어
reason [cause=road; manoeuvre=braking/standing; road=left] -> 길이 왼쪽으로 이어져 | 길이 왼쪽으로 나 있어
reason [cause=road; manoeuvre=accelerating/keeping-speed; road=left] -> 길이 왼쪽으로 이어지는 곳에서
reason [cause=road; manoeuvre=braking/standing; road=right] -> 길이 오른쪽으로 이어져 | 길이 오른쪽으로 나 있어
reason [cause=road; manoeuvre=accelerating/keeping-speed; road=right] -> 길이 오른쪽으로 이어지는 곳에서
reason [cause=road; manoeuvre=braking/standing; road=sharply-left]
    -> 길이 왼쪽으로 크게 꺾여
    | 길이 왼쪽으로 급하게 굽어
reason [cause=road; manoeuvre=accelerating/keeping-speed; road=sharply-left] -> 길이 왼쪽으로 크게 꺾이는 곳에서
reason [cause=road; manoeuvre=braking/standing; road=sharply-right]
    -> 길이 오른쪽으로 크게 꺾여
    | 길이 오른쪽으로 급하게 굽어
reason [cause=road; manoeuvre=accelerating/keeping-speed; road=sharply-right] -> 길이 오른쪽으로 크게 꺾이는 곳에서
reason [cause=road; manoeuvre=turning-left/turning-right] -> 길을 따라
reason [cause=high-speed] -> 속도가 높아 | 너무 빨라
reason [cause=car/cone; manoeuvre=accelerating/keeping-speed] -> <where> <obstacle>[을/를] 두고
reason [cause=car/cone; manoeuvre=braking/standing/moving-left/moving-right] -> <where> <obstacle>[이/가] 있어
reason [cause=car/cone; manoeuvre=moving-left/moving-right] -> <where> 있는 <obstacle>[을/를]
reason [cause=car/cone; manoeuvre=passing] -> <where> 있는 <obstacle>[을/를]

obstacle [object=car; manoeuvre=moving-left/moving-right/passing] -> 느린 차 | 움직이는 차
obstacle [object=car; manoeuvre!=moving-left/moving-right/passing] -> 달리는 차 | 움직이는 차
obstacle [object=standing-car] -> 멈춘 차 | 서 있는 차
obstacle [object=cone] -> 라바콘 | 안전 고깔

where [side=ahead] -> <metres> 앞에
where [side=left] -> 왼쪽 <metres> 앞에
where [side=right] -> 오른쪽 <metres> 앞에
metres [distance=5-m] -> 5 m
metres [distance=10-m] -> 10 m
metres [distance=20-m] -> 20 m
metres [distance=30-m] -> 30 m

mention [object=none] ->
mention [cause=car/cone] ->
mention [cause!=car/cone; object=car]
    -> <where> 달리는 차가 있습니다 .
    | <where> 움직이는 차가 보입니다 .
mention [cause!=car/cone; object=standing-car]
    -> <where> 멈춘 차가 있습니다 .
    | <where> 서 있는 차가 보입니다 .
mention [cause!=car/cone; object=cone]
    -> <where> 라바콘이 있습니다 .
    | <where> 라바콘이 보입니다 .

room [room=enough] ->
room [room=none-on-the-left] -> 왼쪽에는 공간이 없습니다 . | 왼쪽은 막혀 있습니다 .
room [room=none-on-the-right] -> 오른쪽에는 공간이 없습니다 . | 오른쪽은 막혀 있습니다 .
room [room=none] -> 양쪽 모두 공간이 없습니다 .

after [road=ahead] ->
after [cause=road; manoeuvre!=turning-left/turning-right] ->
after [cause=road; manoeuvre=turning-left/turning-right; road=left/right] ->
after [cause=road; manoeuvre=turning-left/turning-right; road=sharply-left/sharply-right] -> <course>
after [cause!=road; road!=ahead] -> <course>

course [road=left] -> 길은 왼쪽으로 이어집니다 . | 길은 왼쪽으로 나 있습니다 .
course [road=right] -> 길은 오른쪽으로 이어집니다 . | 길은 오른쪽으로 나 있습니다 .
course [road=sharply-left] -> 길은 왼쪽으로 크게 꺾입니다 . | 길은 왼쪽으로 급하게 굽습니다 .
course [road=sharply-right] -> 길은 오른쪽으로 크게 꺾입니다 . | 길은 오른쪽으로 급하게 굽습니다 .
"""

PARTICLES = {"이/가": "subject", "을/를": "object"}
_MARKED = re.compile(r"<(?P<name>[a-z-]+)>\[(?P<particle>[^\]]+)\]")
_FIRST_SYLLABLE, _LAST_SYLLABLE, _FINALS = ord("가"), ord("힣"), 28  # of Unicode's Hangul syllables


def with_particle(noun: str, particle: str) -> str:
    """A noun with the form of a particle that it calls for.

    Args:
        noun: Ends with a Hangul syllable.
        particle: Both forms, as in "이/가": after a consonant and after a vowel; or one for both.

    Raises:
        ValueError: It does not end with a Hangul syllable.
    """
    last = ord(noun[-1])
    if not _FIRST_SYLLABLE <= last <= _LAST_SYLLABLE:
        raise ValueError(f"{noun!r} does not end with a Hangul syllable")
    after_consonant, _, after_vowel = particle.partition("/")
    ends_in_vowel = (last - _FIRST_SYLLABLE) % _FINALS == 0
    return noun + ((after_vowel or after_consonant) if ends_in_vowel else after_consonant)


def expand_particles(text: str) -> str:
    """Rules without particles in brackets: each phrase that has one becomes a phrase of its own."""
    wanted = sorted({match.groups() for match in _MARKED.finditer(text)})
    lines = [_MARKED.sub(lambda match: f"<{match['name']}-{PARTICLES[match['particle']]}>", text)]
    for name, particle in wanted:
        for line in text.splitlines():
            left, arrow, body = line.partition(" -> ")
            if arrow and re.match(rf"{name}(\s|$)", left):
                alternatives = (with_particle(part.strip(), particle) for part in body.split("|"))
                lines.append(f"{left.replace(name, f'{name}-{PARTICLES[particle]}', 1)} -> {' | '.join(alternatives)}")
    return "\n".join(lines)


KOREAN = Grammar("ko", expand_particles(RULES))
