"""What a camera saw, in words: "3 personas, 1 moto hacia el norte", "nadie a la vista", or why nobody looked."""

from __future__ import annotations

from collections import Counter
from typing import Final

from cior_core.correlate.step_context import StepContext
from cior_core.sentences import Text
from cior_core.watching import REASONS, BurstAnswer, Watching

LABELS: Final = ("person", "bicycle", "motorcycle", "car", "bus", "truck", "dog")
"""The labels that have words, in the order in which they are told; the others keep the model's own."""


def text_of(watching: Watching) -> Text:
    """The words that a look has by now."""
    return Text(watching.text_es, watching.text_en)


def of_answer(context: StepContext, answer: BurstAnswer) -> Text:
    """What the answer says."""
    if not answer.pictures:
        return why_not(context, answer.why or "no_pictures")
    said = [_seen(context, answer)]
    if answer.runs:
        said.append(context.text("seen_running"))
    if answer.conditions:
        said.append(
            context.text("seen_conditions", what=_listed([_why(context, each) for each in answer.conditions]))
        )
    if answer.why:
        said.append(context.text("seen_cut_short", why=_why(context, answer.why)))
    return Text("; ".join(each.es for each in said), "; ".join(each.en for each in said))


def why_not(context: StepContext, why: str) -> Text:
    """That nobody looked, and why."""
    return context.text("camera_not_watched", why=_why(context, why))


def _seen(context: StepContext, answer: BurstAnswer) -> Text:
    if answer.by == "motion":
        return context.text("seen_motion") if answer.moved_share > 0 else context.text("seen_no_motion")
    if not answer.counts:
        return context.text("seen_nobody")
    order = sorted(
        answer.counts, key=lambda each: (LABELS.index(each) if each in LABELS else len(LABELS), each)
    )
    return _listed([_counted(context, each, answer) for each in order])


def _counted(context: StepContext, label: str, answer: BurstAnswer) -> Text:
    """``3 personas``; with where to, when most of those that left went the same way."""
    count = answer.counts[label]
    name = _word(context, f"seen_{label}_{'one' if count == 1 else 'many'}", label)
    headings = Counter[str](each.heading for each in answer.tracks if each.label == label and each.heading)
    if headings:
        heading, times = min(headings.items(), key=lambda each: (-each[1], each[0]))
        if 2 * times > headings.total():
            way = _word(context, f"heading_{heading}", heading)
            return context.text("seen_heading", count=count, name=name, way=way)
    return context.text("seen_counted", count=count, name=name)


def _why(context: StepContext, why: str) -> Text:
    return _word(context, f"watching_{why}", why) if why in REASONS else Text(why, why)


def _word(context: StepContext, code: str, otherwise: str) -> Text:
    """The word called ``code``; of what has none, its own name."""
    known = context.rules.sentences.sentences.get(f"word_{code}")
    return Text(otherwise, otherwise) if known is None else Text(known.es, known.en)


def _listed(words: list[Text]) -> Text:
    return Text(", ".join(each.es for each in words), ", ".join(each.en for each in words))
