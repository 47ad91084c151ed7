"""Charts of reports as SVG, drawn by pygal, and as PNG for mails. Both libraries are imported when the first chart is drawn.

One hue for one thing everywhere; no script, no link, no tooltip that needs a mouse; title and description for screen readers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _

# Told apart also by people who see few colours, on white, and in grey print (Okabe and Ito).
ANSWERED, REFUSED, OTHER = "#0072B2", "#E69F00", "#999999"
INK, FAINT, PAPER = "#1F2933", "#D9DEE4", "#FFFFFF"
WIDTH, HEIGHT = 800, 360
MOST_LABELS = 8
LONGEST_LABEL = 34
MICROS = 1_000_000
_SCRIPT = re.compile(r"<script\b.*?</script>", re.DOTALL)  # settings of the tooltips, which are left out


def overview_chart(report: Mapping[str, Any], zone: ZoneInfo) -> str:
    """Answered, refused and other messages by step, stacked."""
    steps = report["series"]
    title = str(_("Messages"))
    chart = _stacked(title, [_label(step["at"], report["interval"], zone) for step in steps])
    chart.add(_("answered"), [step["answered"] for step in steps])
    chart.add(_("refused"), [step["refused"] for step in steps])
    others = [step["messages"] - step["answered"] - step["refused"] for step in steps]
    if any(others):
        chart.add(_("other"), others)
    totals = report["totals"]
    values = {"messages": totals["messages"], "answered": totals["answered"], "refused": totals["refused"]}
    return _drawn(chart, title, _("%(messages)s messages: %(answered)s answered, %(refused)s refused.") % values)


def usage_chart(lines: Sequence[tuple[str, int]], currency: str) -> str:
    """What each of the named spent or, when nothing cost anything, how many messages it answered; largest first."""
    has_costs = bool(currency)
    title = _("Cost in %(currency)s") % {"currency": currency} if has_costs else _("Messages")
    shown = [(name, value / MICROS if has_costs else value) for name, value in lines]
    return _bars(title, shown, ANSWERED, (lambda value: f"{value:,.2f}") if has_costs else _whole)


def questions_chart(clusters: Sequence[tuple[str, int]]) -> str:
    """The unanswered questions that are asked most."""
    return _bars(_("Unanswered questions"), list(clusters), REFUSED, _whole)


def as_png(svg: str) -> bytes:
    """A chart as a picture, twice as fine as it is large. Without a font on this machine its texts are missing."""
    import resvg_py  # several MB that only mails need

    return bytes(resvg_py.svg_to_bytes(svg_string=svg, background=PAPER, zoom=2))


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _stacked(title: str, labels: Sequence[str]) -> Any:
    import pygal

    every = max(1, -(-len(labels) // MOST_LABELS))
    return pygal.StackedBar(
        _settings(), title=title, x_labels=labels, x_labels_major=list(labels[::every]), show_minor_x_labels=False,
        truncate_label=20,
        legend_at_bottom=True, legend_at_bottom_columns=3, style=_style((ANSWERED, REFUSED, OTHER)), value_formatter=_whole,
    )  # fmt: skip


def _bars(title: str, lines: Sequence[tuple[str, float]], colour: str, formatter: Callable[[float], str]) -> str:
    import pygal

    rows = list(lines)[::-1]  # the first one on top
    chart = pygal.HorizontalBar(
        _settings(), title=title, x_labels=[f"{_short(name)} · {formatter(value)}" for name, value in rows], show_legend=False,
        style=_style((colour,)),   value_formatter=formatter,
        show_y_guides=False, truncate_label=LONGEST_LABEL + 16,
    )  # fmt: skip
    chart.add(title, [value for _name, value in rows])
    best = ", ".join(f"{name}: {formatter(value)}" for name, value in lines[:3])
    return _drawn(chart, title, best or str(_("Nothing yet.")))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 1]}…"


def _settings() -> Any:
    import pygal

    return pygal.Config(
        js=[], width=WIDTH, height=HEIGHT, explicit_size=True, no_data_text=str(_("Nothing yet.")), disable_xml_declaration=True,
        pretty_print=False, tooltip_border_radius=4, margin=16, spacing=12, rounded_bars=2, show_x_guides=False, min_scale=3, max_scale=6,
    )  # fmt: skip


def _style(colours: tuple[str, ...]) -> Any:
    from pygal.style import Style

    return Style(
        background=PAPER, plot_background=PAPER, foreground=INK, foreground_strong=INK, foreground_subtle=FAINT, opacity="1",
        opacity_hover="1", transition="0s", colors=colours, guide_stroke_color=FAINT, guide_stroke_dasharray="0",
        major_guide_stroke_dasharray="0", font_family="system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif", title_font_size=18,
        label_font_size=12, major_label_font_size=12, legend_font_size=13, value_font_size=12, no_data_font_size=20,
        value_colors=(INK,),
    )  # fmt: skip


def _drawn(chart: Any, title: str, description: str) -> str:
    text: str = _SCRIPT.sub("", chart.render(is_unicode=True))
    start = text.index("<svg")
    end = text.index(">", start) + 1
    label = f'{text[start : end - 1]} role="img" aria-label="{escape(f"{title}. {description}", {chr(34): "&quot;"})}">'
    return f"{text[:start]}{label}<title>{escape(title)}</title><desc>{escape(description)}</desc>{text[end:]}"


def _label(at: datetime | str, interval: str, zone: ZoneInfo) -> str:
    moment = (datetime.fromisoformat(at) if isinstance(at, str) else at).astimezone(zone)
    return moment.strftime("%H:%M") if interval == "hour" else date_format(moment, "j M")
