"""A board as Grafana's classic JSON (schema 42), through the typed models of grafana-foundation-sdk."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import (
    barchart,
    common,
    geomap,
    prometheus,
    stat,
    statetimeline,
    table,
    text,
    timeseries,
)
from grafana_foundation_sdk.models import dashboard as sdk

from cior_core.errors import ConfigInvalid
from cior_core.model import Struct
from cior_grafana import fields, words
from cior_grafana.board import PROMETHEUS_UID, Board, Placed, Variable, layout
from cior_grafana.fields import View
from cior_grafana.panels import Draw, Panel
from cior_grafana.queries import Format, Kind, PromQuery, Query
from cior_grafana.thresholds import Step
from cior_grafana.words import NO_DATA, BoardWords, Language, PanelWords

CLICKHOUSE = "grafana-clickhouse-datasource"
PLUGIN_VERSION = "4.20.0"
# Served by Grafana itself from the city's own file: no map needs the internet.
DISTRICTS = "public/cior/districts.geojson"
REFRESHES = ("10s", "30s", "1m", "5m")


class Rendered(Struct, frozen=True, kw_only=True):
    """A board in one language: what the file will hold, and the ClickHouse queries behind it."""

    board: Board
    language: Language
    body: dict[str, Any]
    queries: tuple[Query, ...]


class ClickHouseQuery(variants.Dataquery):
    """A target of the ClickHouse plugin, in the form that its SQL editor saves."""

    def __init__(self, query: Query, *, ref_id: str = "A") -> None:
        self._query = query
        self._ref_id = ref_id

    def to_json(self) -> dict[str, object]:
        """What stands in the board's JSON."""
        series = self._query.format is Format.SERIES
        return {
            "refId": self._ref_id,
            "datasource": {"type": CLICKHOUSE, "uid": self._query.audience.source_uid},
            "editorType": "sql",
            "rawSql": self._query.sql,
            "format": self._query.format.code,
            "queryType": "timeseries" if series else "table",
            "pluginVersion": PLUGIN_VERSION,
        }


class _Scope(Struct, frozen=True, kw_only=True):
    """What all parts of one rendering share."""

    board: Board
    said: BoardWords
    language: Language

    def words(self, name: str) -> PanelWords:
        """The words under ``[name]``."""
        if name not in self.said:
            sentence = f"board {self.board.name} has no words for {name}"
            cure = f"write [{name}] in words/{self.board.name}.toml"
            raise ConfigInvalid("words.missing", sentence, cure=cure)
        return self.said[name]


def render(board: Board, *, language: Language, timezone: str) -> Rendered:
    """``board`` in ``language``; times are shown in ``timezone`` (an IANA name).

    Raises :class:`ConfigInvalid` when a query, a word or a threshold set is missing.
    """
    scope = _Scope(board=board, said=words.load(board.name), language=language)
    own = scope.words(words.BOARD)
    made = sdk.Dashboard(
        uid=board.uid,
        title=own.title[language],
        description=own.description[language],
        tags=["cior", board.audience.value],
        timezone=timezone,
        editable=False,
        refresh=f"{board.refresh_s}s",
        time=sdk.DashboardDashboardTime(from_val=board.since, to=board.until),
        timepicker=sdk.TimePickerConfig(hidden=board.kiosk, refresh_intervals=list(REFRESHES)),
        panels=[_placed(scope, each, number) for number, each in enumerate(layout(board), start=1)],
        templating=sdk.DashboardDashboardTemplating(
            list_val=[_variable(scope, each) for each in board.variables]
        ),
        annotations=sdk.AnnotationContainer(list_val=[]),
        links=[_link(name, language) for name in board.links],
    )
    body = json.loads(json.dumps(made, cls=JSONEncoder))
    return Rendered(board=board, language=language, body=body, queries=board.questions())


def _link(name: str, language: Language) -> sdk.DashboardLink:
    title = words.load(name)[words.BOARD].title[language]
    kind = sdk.DashboardLinkType.LINK
    return sdk.DashboardLink(title=title, type_val=kind, icon="dashboard", url=f"/d/cior-{name}")


def _variable(scope: _Scope, each: Variable) -> sdk.VariableModel:
    query = scope.board.question(each.query)
    if not isinstance(query, Query):
        sentence = f"variable {each.name} asks Prometheus"
        raise ConfigInvalid("board.variable", sentence, cure="ask ClickHouse")
    own = scope.words(each.name)
    return sdk.VariableModel(
        type_val=sdk.VariableType.QUERY,
        name=each.name,
        label=own.title[scope.language],
        description=own.description[scope.language],
        query=query.sql,
        definition=query.sql,
        datasource=_source(query),
        allow_custom_value=False,
        refresh=sdk.VariableRefresh.ON_DASHBOARD_LOAD,
        sort=sdk.VariableSort.DISABLED,
    )


def _source(query: Query | PromQuery) -> common.DataSourceRef:
    if isinstance(query, PromQuery):
        return common.DataSourceRef(type_val="prometheus", uid=PROMETHEUS_UID)
    return common.DataSourceRef(type_val=CLICKHOUSE, uid=query.audience.source_uid)


def _placed(scope: _Scope, each: Placed, number: int) -> sdk.Panel | sdk.RowPanel:
    grid = sdk.GridPos(h=each.h, w=each.w, x=each.x, y=each.y)
    if each.panel is None:
        title = scope.words(each.title).title[scope.language]
        return sdk.RowPanel(id_val=number, title=title, grid_pos=grid)
    return _panel(_view(scope, each.panel), number, grid)


def _view(scope: _Scope, panel: Panel) -> View:
    query = scope.board.question(panel.asks) if panel.asks else None
    return View(panel=panel, query=query, said=scope.words(panel.name), language=scope.language)


def _panel(view: View, number: int, grid: sdk.GridPos) -> sdk.Panel:
    panel, query = view.panel, view.query
    return sdk.Panel(
        type_val=panel.draw.value,
        id_val=number,
        title=view.said.title[view.language],
        description=view.said.description[view.language],
        grid_pos=grid,
        datasource=_source(query) if query else None,
        targets=[_target(query, panel)] if query else None,
        transformations=_transformations(view),
        options=_OPTIONS[panel.draw](view),
        field_config=_field_config(view) if query else None,
    )


def _target(query: Query | PromQuery, panel: Panel) -> variants.Dataquery:
    if isinstance(query, Query):
        return ClickHouseQuery(query)
    now = panel.draw is not Draw.SERIES
    return prometheus.Dataquery(
        ref_id="A",
        datasource=_source(query),
        expr=query.expr,
        legend_format=query.legend or None,
        instant=now,
        range_val=not now,
        format_val=prometheus.PromQueryFormat.TABLE if now else prometheus.PromQueryFormat.TIME_SERIES,
    )


def _transformations(view: View) -> list[sdk.DataTransformerConfig] | None:
    """A number's first column again as ``state``: the copy says shape and text, the number stays a number."""
    if view.panel.draw is not Draw.NUMBER:
        return None
    if not (numbers := view.columns(Kind.NUMBER)):
        sentence = f"the number {view.panel.name} has no number"
        raise ConfigInvalid("board.no_number", sentence, cure="give its query a column of kind number")
    # Arithmetic would make 0 of an empty value, which looks good; "last of a row of one" leaves it empty.
    options = {
        "mode": "reduceRow",
        "reduce": {"reducer": "last", "include": [numbers[0]]},
        "alias": fields.STATE_FIELD,
        "replaceFields": False,
        "timeSeries": False,
    }
    return [sdk.DataTransformerConfig(id_val="calculateField", options=options)]


def _field_config(view: View) -> sdk.FieldConfigSource:
    defaults = sdk.FieldConfig(
        no_value=(view.said.empty or NO_DATA)[view.language],
        unit=view.panel.unit or None,
        custom=_CUSTOM[view.panel.draw](view) if view.panel.draw in _CUSTOM else None,
        mappings=[fields.no_data(view.language)],
        color=fields.fixed(fields.BLUE),
        thresholds=fields.steps(fields.named("plain")),
    )
    _colour(defaults, view)
    return sdk.FieldConfigSource(defaults=defaults, overrides=[*fields.columns(view), *_more(view)])


def _colour(defaults: sdk.FieldConfig, view: View) -> None:
    """Colours that hold for the whole panel."""
    panel = view.panel
    match panel.draw:
        case Draw.NUMBER | Draw.STATES:
            defaults.color = fields.by_threshold()
        case Draw.SERIES | Draw.BARS if _several(view):
            defaults.color = fields.many()
        case _:
            pass
    if panel.thresholds and panel.draw in {Draw.NUMBER, Draw.SERIES, Draw.STATES}:
        defaults.thresholds = fields.steps(fields.named(panel.thresholds))
    if panel.draw is Draw.STATES:
        defaults.mappings = fields.mappings(fields.named(panel.thresholds), view.language)
    defaults.display_name = fields.line_name(view) or None


def _several(view: View) -> bool:
    return (
        bool(fields.labels(view)) or isinstance(view.query, PromQuery) or len(view.columns(Kind.NUMBER)) > 1
    )


def _more(view: View) -> list[sdk.DashboardFieldConfigSourceOverrides]:
    panel = view.panel
    if panel.draw is Draw.NUMBER:
        others = [name for name in view.columns(Kind.NUMBER)[1:] if name not in panel.colours]
        blue = {"color": fields.fixed(fields.BLUE)}
        return [*(fields.override(name, blue) for name in others), fields.state(panel, view.language)]
    if panel.draw is Draw.SERIES and panel.thresholds and fields.named(panel.thresholds).by_value:
        return [_line(step) for step in fields.named(panel.thresholds).steps]
    return []


def _line(step: Step) -> sdk.DashboardFieldConfigSourceOverrides:
    """The fixed colour of the line whose label is the step's value."""
    matcher = sdk.MatcherConfig(id_val="byRegexp", options=f'/\\b{step.value}"?\\}}?$/')
    properties = [sdk.DynamicConfigValue(id_val="color", value=fields.fixed(step.colour))]
    return sdk.DashboardFieldConfigSourceOverrides(matcher=matcher, properties=properties)


def _stat(_view: View) -> stat.Options:
    return stat.Options(
        graph_mode=common.BigValueGraphMode.NONE,
        color_mode=common.BigValueColorMode.BACKGROUND_SOLID,
        justify_mode=common.BigValueJustifyMode.CENTER,
        text_mode=common.BigValueTextMode.AUTO,
        reduce_options=common.ReduceDataOptions(values=False, calcs=["lastNotNull"], fields=""),
    )


def _table(_view: View) -> table.Options:
    return table.Options(show_header=True, cell_height=common.TableCellHeight.MD)


def _timeseries(_view: View) -> timeseries.Options:
    return timeseries.Options(legend=_legend(), tooltip=_tooltip(common.TooltipDisplayMode.MULTI))


def _barchart(view: View) -> barchart.Options:
    if not (named := view.columns(Kind.STRING, Kind.TIME)):
        raise ConfigInvalid(
            "board.no_bars",
            f"the bars of {view.panel.name} have no name",
            cure="select a string or time column first",
        )
    return barchart.Options(
        x_field=named[0],
        orientation=common.VizOrientation.HORIZONTAL
        if view.columns(Kind.STRING)
        else common.VizOrientation.VERTICAL,
        stacking=common.StackingMode.NORMAL if view.panel.stacked else common.StackingMode.NONE,
        show_value=common.VisibilityMode.AUTO,
        legend=_legend(),
        tooltip=_tooltip(common.TooltipDisplayMode.MULTI),
    )


def _geomap(view: View) -> geomap.Options:
    return geomap.Options(
        view=geomap.MapViewConfig(id_val="fit", padding=10, max_zoom=15),
        controls=geomap.ControlsOptions(show_zoom=True, mouse_wheel_zoom=False, show_scale=True),
        # "default" is the base layer of the server's own settings, which our compose file makes a local one.
        basemap=common.MapLayerOptions(type_val="default", name="base", config={}),
        layers=[_districts(), _points(view)],
        tooltip=geomap.TooltipOptions(mode=geomap.TooltipMode.DETAILS),
    )


def _districts() -> common.MapLayerOptions:
    style = {"color": {"fixed": fields.GREY}, "opacity": 0.2, "lineWidth": 1}
    config = {"src": DISTRICTS, "rules": [], "style": style}
    return common.MapLayerOptions(type_val="geojson", name="districts", config=config, tooltip=False)


def _points(view: View) -> common.MapLayerOptions:
    latitude, longitude = view.columns(Kind.LATITUDE), view.columns(Kind.LONGITUDE)
    if not (latitude and longitude):
        cure = "name its columns with the kinds latitude and longitude"
        raise ConfigInvalid("board.no_place", f"the map {view.panel.name} has no coordinates", cure=cure)
    field = next(iter(view.panel.colours))
    style = {
        "size": {"fixed": 9, "min": 9, "max": 9},
        "color": {"field": field, "fixed": fields.GREY},
        "opacity": 0.9,
        "symbol": {"mode": "fixed", "fixed": "img/icons/marker/circle.svg"},
        "text": {"mode": "field", "field": field, "fixed": ""},
        "textConfig": {
            "fontSize": 14,
            "offsetX": 0,
            "offsetY": -16,
            "textAlign": "center",
            "textBaseline": "middle",
        },
    }
    return common.MapLayerOptions(
        type_val="markers",
        name="points",
        config={"showLegend": True, "style": style},
        location=common.FrameGeometrySource(
            mode=common.FrameGeometrySourceMode.COORDS, latitude=latitude[0], longitude=longitude[0]
        ),
        tooltip=True,
    )


def _states(_view: View) -> statetimeline.Options:
    return statetimeline.Options(
        show_value=common.VisibilityMode.AUTO,
        merge_values=True,
        legend=_legend(),
        tooltip=_tooltip(common.TooltipDisplayMode.SINGLE),
    )


def _note(view: View) -> text.Options:
    if view.said.text is None:
        sentence = f"the note {view.panel.name} has no text"
        raise ConfigInvalid(
            "words.no_text", sentence, cure=f"write text.es and text.en under [{view.panel.name}]"
        )
    return text.Options(mode=text.TextMode.MARKDOWN, content=view.said.text[view.language])


def _legend() -> common.VizLegendOptions:
    return common.VizLegendOptions(
        display_mode=common.LegendDisplayMode.LIST, placement=common.LegendPlacement.BOTTOM, show_legend=True
    )


def _tooltip(mode: common.TooltipDisplayMode) -> common.VizTooltipOptions:
    return common.VizTooltipOptions(mode=mode, sort=common.SortOrder.DESCENDING)


def _line_style(view: View) -> dict[str, object]:
    stacked = view.panel.stacked
    return {
        # Stacked ones count what fell into each interval: a line from one to the next would tell of counts between.
        "drawStyle": "bars" if stacked else "line",
        "lineWidth": 1 if stacked else 2,
        "fillOpacity": 80 if stacked else 0,
        "showPoints": "auto",
        # A hole in the data is a hole in the line.
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if view.panel.line else "off"},
    }


_OPTIONS: dict[Draw, Callable[[View], object]] = {
    Draw.NUMBER: _stat,
    Draw.TABLE: _table,
    Draw.SERIES: _timeseries,
    Draw.BARS: _barchart,
    Draw.MAP: _geomap,
    Draw.STATES: _states,
    Draw.NOTE: _note,
}
_CUSTOM: dict[Draw, Callable[[View], object]] = {
    Draw.TABLE: lambda _: {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False},
    Draw.SERIES: _line_style,
    Draw.BARS: lambda _: {"lineWidth": 1, "fillOpacity": 80},
    Draw.STATES: lambda _: {"lineWidth": 0, "fillOpacity": 80},
}
