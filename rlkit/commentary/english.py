"""English sentences: "Braking in the rain: a slower car 20 m ahead, no room on the left."."""

from rlkit.commentary.grammar import Grammar

RULES = """
sentence [manoeuvre!=moving-left/moving-right/passing/turning-left/turning-right]
    -> <doing> <setting> <reason> <mention> <room> <after> .
sentence [manoeuvre!=moving-left/moving-right/passing/turning-left/turning-right; weather!=fair]
    -> <setting> , <doing> <reason> <mention> <room> <after> .
sentence [manoeuvre=turning-left/turning-right] -> <turning> <setting> <mention> <after> .
sentence [manoeuvre=turning-left/turning-right; weather!=fair] -> <setting> , <turning> <mention> <after> .
sentence [manoeuvre=moving-left/moving-right/passing] -> <aside> <obstacle> <where> <setting> <after> .
sentence [manoeuvre=moving-left/moving-right/passing; weather!=fair] -> <setting> , <aside> <obstacle> <where> <after> .

doing [manoeuvre=standing] -> standing still | stopped
doing [manoeuvre=braking] -> braking | slowing down
doing [manoeuvre=accelerating] -> accelerating | speeding up
doing [manoeuvre=keeping-speed] -> keeping speed | driving on
turning [manoeuvre=turning-left] -> turning left with the road | following the road to the left
turning [manoeuvre=turning-right] -> turning right with the road | following the road to the right
aside [manoeuvre=moving-left] -> moving left around | moving over to the left for
aside [manoeuvre=moving-right] -> moving right around | moving over to the right for
aside [manoeuvre=passing] -> passing

setting [weather=fair] ->
setting [weather=rain] -> in the rain
setting [weather=snow] -> in the snow
setting [weather=fog] -> in fog
setting [weather=night] -> at night | in the dark
setting [weather=low-sun] -> in low sun

reason [cause=clear-road] -> : the road is clear | : the way is free | because the road is clear
reason [cause=road] -> : <course> | as <course>
reason [cause=road; manoeuvre=braking/standing] -> because <course>
reason [cause=high-speed] -> : the speed is high | because of high speed
reason [cause=car/cone] -> : <obstacle> <where>
reason [cause=car/cone; manoeuvre=braking/standing] -> because of <obstacle> <where>
reason [cause=car/cone; manoeuvre=accelerating/keeping-speed] -> with <obstacle> <where>

obstacle [object=car; manoeuvre=moving-left/moving-right/passing] -> a slower car | a car
obstacle [object=car; manoeuvre!=moving-left/moving-right/passing] -> a car | a moving car
obstacle [object=standing-car] -> a stopped car | a standing car
obstacle [object=cone] -> a cone | a traffic cone

where [side=ahead] -> <metres> ahead
where [side=left] -> <metres> ahead on the left
where [side=right] -> <metres> ahead on the right
metres [distance=5-m] -> 5 m
metres [distance=10-m] -> 10 m
metres [distance=20-m] -> 20 m
metres [distance=30-m] -> 30 m

mention [object=none] ->
mention [cause=car/cone] ->
mention [cause!=car/cone; object=car] -> , a car <where>
mention [cause!=car/cone; object=standing-car] -> , a stopped car <where>
mention [cause!=car/cone; object=cone] -> , a cone <where>

room [room=enough] ->
room [room=none-on-the-left] -> , no room on the left
room [room=none-on-the-right] -> , no room on the right
room [room=none] -> , no room on either side

after [road=ahead] ->
after [cause=road; manoeuvre!=turning-left/turning-right] ->
after [cause=road; manoeuvre=turning-left/turning-right; road=left/right] ->
after [cause=road; manoeuvre=turning-left/turning-right; road=sharply-left/sharply-right] -> , <course>
after [cause!=road; road!=ahead] -> , and <course>

course [road=left] -> the road goes left | the road leads to the left
course [road=right] -> the road goes right | the road leads to the right
course [road=sharply-left] -> the road goes sharply left | the road turns sharply to the left
course [road=sharply-right] -> the road goes sharply right | the road turns sharply to the right
"""

ENGLISH = Grammar("en", RULES)
