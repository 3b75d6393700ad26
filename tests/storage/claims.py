"""What must be true after a crash: for each key, which bodies it may have.

A client notes when it starts an operation and when it knows its outcome. An operation that was
answered, or whose effect somebody has read, is there unless a later one has replaced it; one that
was started and not answered is there, whole, or absent. A body of None stands for no object.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

Body = bytes | None
Claims = dict[str, frozenset[Body]]


@dataclass(slots=True)
class Effect:
    """An operation that gives a key a body.

    Attributes:
        started: the number of the first moment at which it may have happened.
        ended: that of the first moment at which it has.
    """

    key: str
    body: Body
    started: int
    ended: float = math.inf


@dataclass(slots=True)
class History:
    """All operations of a recording, on top of what was there before."""

    before: Claims = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    observations: list[tuple[int, Claims]] = field(default_factory=list)

    def start(self, key: str, body: Body, moment: int) -> Effect:
        """Notes an operation that is about to be carried out."""
        effect = Effect(key, body, moment)
        self.effects.append(effect)
        return effect

    def saw(self, key: str, body: Body, moment: int) -> None:
        """Notes that a client has read a body: what wrote it is never to be undone."""
        for effect in self.effects:
            if effect.key == key and effect.body == body:
                effect.ended = min(effect.ended, moment)

    def observe(self, seen: dict[str, Body], moment: int) -> None:
        """Notes what all keys are, while no operation is on its way."""
        self.observations.append((moment, {key: frozenset({body}) for key, body in seen.items()}))

    def claims_at(self, moment: int) -> Claims:
        """What must be true after a crash at a moment."""
        claims = dict(self.before)
        for since, observed in self.observations:
            if since <= moment:
                claims.update(observed)
        for key in {effect.key for effect in self.effects}:
            claims[key] = self._possible(key, moment, claims.get(key, frozenset({None})))
        return claims

    def _possible(self, key: str, moment: int, before: frozenset[Body]) -> frozenset[Body]:
        started = [
            effect for effect in self.effects if effect.key == key and effect.started <= moment
        ]
        done = [effect for effect in started if effect.ended <= moment]
        possible = {
            effect.body
            for effect in started
            if not any(effect.ended < other.started for other in done)
        }
        return frozenset(possible) if done else frozenset(possible) | before
