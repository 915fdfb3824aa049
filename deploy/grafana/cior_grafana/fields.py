"""How values look: colours, mappings, units and names of columns, in the words of foundation-sdk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from grafana_foundation_sdk.models import dashboard as sdk

from cior_core.errors import ConfigInvalid
from cior_core.model import Struct
from cior_grafana import thresholds
from cior_grafana.panels import Draw, Panel
from cior_grafana.queries import Column, Format, Kind, PromQuery, Query
from cior_grafana.thresholds import Step, Thresholds
from cior_grafana.words import BOARD, NO_DATA, STATE, TYPE_COLUMN, Language, PanelWords, load, type_names

GREY = "#6E7280"
BLUE = "#1F60C4"
STATE_FIELD = "step"
_FAR = 1e15
PROMETHEUS_VALUE = "Value"
# Day before month: what a person in the room reads.
_TIME_UNIT = "time:DD/MM HH:mm:ss"


class View(Struct, frozen=True, kw_only=True):
    """What the parts of one panel are made from."""

    panel: Panel
    query: Query | PromQuery | None
    said: PanelWords
    language: Language

    def columns(self, *kinds: Kind) -> tuple[str, ...]:
        """Names of columns of these kinds; a Prometheus answer has one number."""
        if isinstance(self.query, Query):
            return self.query.named(*kinds)
        return (PROMETHEUS_VALUE,) if Kind.NUMBER in kinds and self.query else ()


def named(name: str) -> Thresholds:
    """The threshold set ``name``. Raises :class:`ConfigInvalid` when there is none."""
    if name not in thresholds.load():
        sentence = f"there is no threshold set {name}"
        raise ConfigInvalid(
            "thresholds.unknown", sentence, cure="write it in thresholds.toml, or name another"
        )
    return thresholds.load()[name]


def steps(each: Thresholds) -> sdk.ThresholdsConfig:
    """The colours by number; a set by value gives one neutral step, its colours are in its mappings."""
    if each.by_value:
        return sdk.ThresholdsConfig(steps=[sdk.Threshold(color=GREY)])
    return sdk.ThresholdsConfig(
        steps=[sdk.Threshold(value=step.at, color=step.colour) for step in each.steps]
    )


def no_data(language: Language) -> sdk.ValueMapping:
    """The third state beside good and bad: null and NaN are grey and say so."""
    result = sdk.ValueMappingResult(text=NO_DATA[language], color=GREY, index=99)
    match = sdk.DashboardSpecialValueMapOptions(match=sdk.SpecialValueMatch.NULL_AND_NAN, result=result)
    return sdk.SpecialValueMap(options=match)


def mappings(each: Thresholds, language: Language) -> list[sdk.ValueMapping]:
    """Every step as shape, text and colour, and the state without data."""
    made = _by_value(each, language) if each.by_value else list(_by_range(each, language))
    return [*made, no_data(language)]


def _by_value(each: Thresholds, language: Language) -> list[sdk.ValueMapping]:
    results = {str(step.value): _result(step, language, index) for index, step in enumerate(each.steps)}
    return [sdk.ValueMap(options=results)]


def _by_range(each: Thresholds, language: Language) -> Iterator[sdk.ValueMapping]:
    # Grafana takes the first that fits and both ends belong to it: the highest step goes first. Its older versions read
    # an open end as 0.
    for index, step in enumerate(reversed(each.steps)):
        low = -_FAR if step.at is None else step.at
        options = sdk.DashboardRangeMapOptions(from_val=low, to=_FAR, result=_result(step, language, index))
        yield sdk.RangeMap(options=options)


def _result(step: Step, language: Language, index: int) -> sdk.ValueMappingResult:
    return sdk.ValueMappingResult(text=step.says(language), color=step.colour, index=index)


def override(column: str, properties: Mapping[str, object]) -> sdk.DashboardFieldConfigSourceOverrides:
    """Properties of the column called ``column``."""
    values = [sdk.DynamicConfigValue(id_val=key, value=value) for key, value in properties.items()]
    matcher = sdk.MatcherConfig(id_val="byName", options=column)
    return sdk.DashboardFieldConfigSourceOverrides(matcher=matcher, properties=values)


def fixed(colour: str) -> sdk.FieldColor:
    """One colour whatever the value."""
    return sdk.FieldColor(mode=sdk.FieldColorModeId.FIXED, fixed_color=colour)


def by_threshold() -> sdk.FieldColor:
    """The colour of the step that the value is in."""
    return sdk.FieldColor(mode=sdk.FieldColorModeId.THRESHOLDS)


def many() -> sdk.FieldColor:
    """A colour a name: the same name has the same colour on every board, in whatever order it comes."""
    return sdk.FieldColor(mode=sdk.FieldColorModeId.PALETTE_CLASSIC_BY_NAME)


def columns(view: View) -> list[sdk.DashboardFieldConfigSourceOverrides]:
    """What each column is called, its unit, colours and link. Raises :class:`ConfigInvalid` for one without words."""
    if not isinstance(view.query, Query):
        return []
    looks = [
        (column.name, _head(view, view.query, column) | _look(view, column.name))
        for column in view.query.columns
    ]
    return [override(name, properties) for name, properties in looks if properties]


def labels(view: View) -> tuple[str, ...]:
    """The string columns of a series: they name its lines."""
    is_series = isinstance(view.query, Query) and view.query.format is Format.SERIES
    return view.columns(Kind.STRING) if is_series else ()


def line_name(view: View) -> str:
    """What a line is called by its labels, as Grafana's template; empty without labels."""
    return " ".join(f"${{__field.labels.{label}}}" for label in labels(view))


def _head(view: View, query: Query, column: Column) -> dict[str, object]:
    """The column's words (before its line's name where a series has several numbers), or the form of its time."""
    named = view.said.columns.get(column.name)
    look: dict[str, object] = {"unit": _TIME_UNIT} if column.kind is Kind.TIME else {}
    if _needs_name(view, query, column) and named is None:
        cure = f"write columns.{column.name}.es and .en under [{view.panel.name}]"
        sentence = f"column {column.name} of query {query.name} has no words"
        raise ConfigInvalid("words.no_column", sentence, cure=cure)
    if named is None or (labels(view) and len(query.named(Kind.NUMBER)) == 1):
        return look
    line = line_name(view) if column.kind is Kind.NUMBER else ""
    return look | {"displayName": f"{named[view.language]} {line}".strip()}


def _needs_name(view: View, query: Query, column: Column) -> bool:
    """Coordinates, labels of lines, the time axis and the one number of labelled lines are not read by name."""
    match column.kind:
        case Kind.LATITUDE | Kind.LONGITUDE:
            return False
        case Kind.TIME:
            return view.panel.draw is Draw.TABLE
        case Kind.STRING:
            return not labels(view)
        case Kind.NUMBER:
            return not labels(view) or len(query.named(Kind.NUMBER)) > 1


def _look(view: View, column: str) -> dict[str, object]:
    panel, language = view.panel, view.language
    properties: dict[str, object] = {}
    if unit := panel.units.get(column):
        properties["unit"] = unit
    if name := panel.colours.get(column):
        each = named(name)
        properties["color"] = by_threshold()
        properties["thresholds"] = steps(each)
        if panel.draw is Draw.TABLE:
            properties["custom.cellOptions"] = {"type": "color-background", "mode": "basic"}
        if each.by_value:
            properties["mappings"] = mappings(each, language)
    if column == TYPE_COLUMN:
        properties["mappings"] = list(_types(language))
    if board := panel.links.get(column):
        address = f"/d/cior-{board}?var-{column}=${{__value.raw:percentencode}}"
        title = load(board)[BOARD].title[language]
        properties["links"] = [{"title": title, "url": address}]
    return properties


@cache
def _types(language: Language) -> tuple[sdk.ValueMapping, ...]:
    texts = enumerate(type_names(language).items())
    results = {code: sdk.ValueMappingResult(text=text, index=index) for index, (code, text) in texts}
    return (sdk.ValueMap(options=results), no_data(language))


def state(panel: Panel, language: Language) -> sdk.DashboardFieldConfigSourceOverrides:
    """The look of the copy of the first number that says its step in words."""
    found = mappings(named(panel.thresholds), language)
    return override(STATE_FIELD, {"displayName": STATE[language], "mappings": found, "unit": "string"})
