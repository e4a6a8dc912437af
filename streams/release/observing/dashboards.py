"""The dashboards: the pipeline, one tenant, cost, quality, freshness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from streams.flow.stage import Stage
from streams.release.observing.burning import bad_share
from streams.release.observing.objectives import Edge, edges
from streams.release.observing.panels import Panel, Variable, dashboard
from streams.release.observing.stage_rules import depth, of

TENANT = Variable("tenant", "label_values(millrace_answers_total, tenant)")


def dashboards(stages: Sequence[Stage], policies: Path | None) -> dict[str, dict[str, Any]]:
    """Each dashboard by its name.

    Raises:
        UserError: the policy of objectives is absent or wrong.
    """
    promised = {edge.name: edge for edge in edges(policies)}
    return {
        "pipeline": dashboard("pipeline", "Millrace: pipeline", _pipeline(stages)),
        "tenant": dashboard("tenant", "Millrace: one tenant", _tenant(promised), [TENANT]),
        "cost": dashboard("cost", "Millrace: cost", _cost()),
        "quality": dashboard("quality", "Millrace: quality", _quality(promised)),
        "freshness": dashboard("freshness", "Millrace: freshness", _freshness(promised)),
    }


def of_tenant(name: str, title: str, tenant: str, promised: Mapping[str, Edge]) -> dict[str, Any]:
    """The dashboard of one tenant that is named; `promised` are the edges by their names."""
    return dashboard(name, title, _tenant(promised, tenant))


def by(metric: str, *labels: str, where: str = "") -> str:
    """A counter per second, by labels."""
    selected = f"{metric}{{{where}}}" if where else metric
    grouped = f" by ({', '.join(labels)})" if labels else ""
    return f"sum{grouped} (rate({selected}[5m]))"


def quantile(q: float, histogram: str, *labels: str, where: str = "") -> str:
    """A quantile of a histogram, by labels."""
    inner = by(f"{histogram}_bucket", "le", *labels, where=where)
    return f"histogram_quantile({q}, {inner})"


def _pipeline(stages: Sequence[Stage]) -> list[Panel]:
    total = [
        Panel("Lag", [(depth(each.name), each.name) for each in stages]),
        Panel("Records", [(by("millrace_records_total", "stage"), "{{stage}}")], "reqps"),
        Panel("Dead letters", [(by("millrace_dead_letters_total", "stage"), "{{stage}}")], "reqps"),
        Panel("Tries after the first", [(by("millrace_retries_total", "stage"), "{{stage}}")]),
        Panel("Aborted transactions", [(by("millrace_aborts_total", "stage"), "{{stage}}")]),
        Panel("Services that are away", [("max by (peer) (millrace_peer_away)", "{{peer}}")]),
    ]
    return total + [
        Panel(
            f"{each.name}: from record to commit",
            [
                (quantile(q, "millrace_latency_seconds", where=of(each)), f"p{q * 100:g}")
                for q in (0.5, 0.99)
            ],
            "s",
        )
        for each in stages
    ]


def _tenant(edges: Mapping[str, Edge], tenant: str = "$tenant") -> list[Panel]:
    mine = f'tenant="{tenant}"'
    live = f'{mine},lane="live"'
    return [
        Panel("Questions", [(by("millrace_answers_total", "status", where=mine), "{{status}}")]),
        Panel(
            "Answer time",
            [
                (quantile(q, "millrace_answer_seconds", where=mine), f"p{q * 100:g}")
                for q in (0.5, 0.99)
            ],
            "s",
            edges["answer_time"].within_s,
        ),
        Panel("Fallbacks", [(by("millrace_degraded_total", "at", where=mine), "{{at}}")]),
        Panel("Tokens", [(by("millrace_tokens_total", "kind", where=mine), "{{kind}}")]),
        Panel("Cost a second", [(by("millrace_cost_total", "model", where=mine), "{{model}}")]),
        Panel("Feedback", [(by("millrace_feedback_total", "rating", where=mine), "{{rating}}")]),
        Panel(
            "Freshness, p99",
            [(quantile(0.99, "millrace_freshness_seconds", "op", where=live), "{{op}}")],
            "s",
            edges["freshness"].within_s,
        ),
        Panel(
            "Slow lanes",
            [(by("millrace_slow_seconds_total", "stage", where=f'share="{tenant}"'), "{{stage}}")],
        ),
    ]


def _cost() -> list[Panel]:
    return [
        Panel(
            f"Cost a second by {label}",
            [(by("millrace_cost_total", label), f"{{{{{label}}}}}")],
        )
        for label in ("tenant", "operation", "model")
    ] + [
        Panel(
            "Tokens by model",
            [(by("millrace_tokens_total", "model", "kind"), "{{model}} {{kind}}")],
        ),
        Panel(
            "Cost of an answer",
            [(f"{by('millrace_cost_total')} / {by('millrace_answers_total')}", "all tenants")],
        ),
        Panel(
            "Of budgets",
            [("max by (tenant, limit) (millrace_budget_used_ratio)", "{{tenant}} {{limit}}")],
            "percentunit",
            1.0,
        ),
        Panel(
            "Texts embedded", [(by("millrace_embedded_texts_total", "kind"), "{{kind}}")], "reqps"
        ),
    ]


def _quality(edges: dict[str, Edge]) -> list[Panel]:
    answers = by("millrace_answers_total")
    share = "{} / on () group_left () ({} > 0)"
    ends, fallbacks = by("millrace_answers_total", "status"), by("millrace_degraded_total", "at")
    cached = by("millrace_answers_cached_total", "how")
    refused = by("millrace_answers_total", "stage", where='status="refused"')
    return [
        Panel("How questions end", [(share.format(ends, answers), "{{status}}")], "percentunit"),
        Panel("Where they are refused", [(refused, "{{stage}}")]),
        Panel("Fallbacks an answer", [(share.format(fallbacks, answers), "{{at}}")], "percentunit"),
        Panel("Given again", [(share.format(cached, answers), "{{how}}")], "percentunit"),
        Panel("Feedback", [(by("millrace_feedback_total", "rating"), "{{rating}}")]),
        _burn(edges["answer_time"]),
        Panel(
            "Answer time",
            [(quantile(q, "millrace_answer_seconds"), f"p{q * 100:g}") for q in (0.5, 0.95, 0.99)],
            "s",
            edges["answer_time"].within_s,
        ),
    ]


def _freshness(edges: dict[str, Edge]) -> list[Panel]:
    return [
        Panel(
            f"{lane.title()} lane, p{q * 100:g}",
            [(quantile(q, "millrace_freshness_seconds", "op", where=f'lane="{lane}"'), "{{op}}")],
            "s",
            edges["freshness"].within_s if lane == "live" else None,
        )
        for lane in ("live", "bulk")
        for q in (0.5, 0.99)
    ] + [
        Panel(
            "Changes", [(by("millrace_freshness_seconds_count", "op", "lane"), "{{op}} {{lane}}")]
        ),
        Panel("Superseded", [(by("millrace_superseded_total", "stage"), "{{stage}}")]),
        _burn(edges["freshness"]),
        _burn(edges["revocation"]),
    ]


def _burn(edge: Edge) -> Panel:
    return Panel(
        f"Bad cases: {edge.said} within {edge.within_s:g} s",
        [(bad_share(edge, window), window) for window in ("5m", "1h", "6h", "3d")],
        "percentunit",
        edge.budget,
    )
