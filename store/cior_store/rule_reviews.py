"""Which rules of cameras were mostly wrong, by what people found their alerts to be.

A rule is judged by incidents in which no other source had a part. It is doubted when the lower end of Wilson's 95 %
interval (E. B. Wilson 1927) of its false share is above what its owner tolerates (``review_above`` of the rule): few
judgements are no doubt, however bad (16 of 16 are, of 15 of 15 nobody knows, at 0.8).
"""

from __future__ import annotations

from cior_core.model import Struct
from cior_store.engine import Store

TYPE = "supervision.camera_rule"
"""The event that asks for a review."""

_DOUBTED = """
SELECT camera, rule, rule_version, kind, judged, false_alarms, wilson_low(false_alarms, judged) AS false_share_low,
    review_above
FROM
(
    SELECT camera, rule, rule_version, any(kind) AS kind, count() AS judged,
        countIf(disposition != 'confirmed') AS false_alarms, max(v.review_above) AS review_above
    FROM supervisor.v_judged_rules AS v
    WHERE alone AND opened >= fromUnixTimestamp64Milli({since:Int64})
    GROUP BY camera, rule, rule_version
)
WHERE review_above > 0 AND false_share_low > review_above
    AND (camera, rule, rule_version) NOT IN
    (
        SELECT subject, JSONExtractString(body, 'data', 'attributes', 'rule'),
            toUInt32(JSONExtractUInt(body, 'data', 'attributes', 'rule_version'))
        FROM ops.events
        WHERE type = {type:String} AND received >= fromUnixTimestamp64Milli({since:Int64})
    )
ORDER BY camera, rule, rule_version
"""


class Doubted(Struct, frozen=True, kw_only=True):
    """One rule of one camera in one version: how many of its alerts were judged, how many false or unfounded."""

    camera: str
    rule: str
    rule_version: int
    kind: str
    judged: int
    false_alarms: int
    false_share_low: float
    review_above: float


def doubted(store: Store, *, since_ms: int) -> tuple[Doubted, ...]:
    """Rules whose false share of alerts opened since ``since_ms`` passed their limit; nobody was told since then."""
    return store.ask(Doubted, _DOUBTED, {"since": since_ms, "type": TYPE})
