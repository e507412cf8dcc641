"""rules/policy/*.yaml: statements. Their order has no meaning; the strictest that matches wins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ruamel.yaml.nodes import ScalarNode

from weighlock.errors import ConfigError
from weighlock.holds import Terms
from weighlock.model import ENTITY, ID, LEVELS, Action, Direction, OperatorSpec
from weighlock.policy import condition, counting, terms
from weighlock.policy.statements import CallMatch, FindingMatch, Mode, Policy, PrincipalMatch, Statement
from weighlock.rulefile import Node

RESTORE = "restore"
"""An effect that decides nothing."""

OperatorTable = Mapping[str, Mapping[str, type]]
"""Operator → its parameters and their types; the strictest operator stands first."""

_MEMBERS = (
    *("direction", "principals", "calls", "findings", "operator", "encoded", "reason"),
    *("when", "over", "mode", "severity", "owner", "references"),
    *terms.MEMBERS,
)
LABEL = r"[a-z0-9][a-z0-9-]{0,47}"
SPOKEN_IN_REPLIES = ("judge", "pass")
_SIZE = 1 << 40


def parse(files: Iterable[Node], operators: OperatorTable, digest: str) -> Policy:
    """One policy of all *files*. Raises ConfigError at the first thing that cannot be enforced as it is written."""
    statements: dict[str, Statement] = {}
    uncovered: tuple[Action, Terms | None] | None = None
    spoken: str | None = None
    for file in files:
        members = file.mapping(required=["statements"], optional=["uncovered", "spoken_in_replies"])
        if (node := members.get("uncovered")) is not None:
            if uncovered is not None:
                raise node.error("`uncovered` is set in another file already")
            uncovered = _uncovered(node)
        if (node := members.get("spoken_in_replies")) is not None:
            if spoken is not None:
                raise node.error("`spoken_in_replies` is set in another file already")
            spoken = node.choice(SPOKEN_IN_REPLIES)
        for item in members["statements"].sequence():
            statement = _statement(item, operators)
            if statement.id in statements:
                raise item.error(f"a statement {statement.id!r} exists already")
            statements[statement.id] = statement
    if not statements:
        raise ConfigError("no statement: nothing would ever be allowed", "rules/policy")
    strictness = {name: rank for rank, name in enumerate(operators)}
    effect, held = uncovered or (Action.BLOCK, None)
    return Policy(tuple(statements.values()), effect, held, strictness, digest, spoken != "pass")


def _uncovered(node: Node) -> tuple[Action, Terms | None]:
    members = node.mapping(required=["effect"], optional=terms.MEMBERS)
    effect = Action[members["effect"].choice(["allow", "hold", "block"]).upper()]
    return effect, terms.read(node, members, hold=effect is Action.HOLD)


def _statement(node: Node, operators: OperatorTable) -> Statement:
    members = node.mapping(required=["id", "effect"], optional=_MEMBERS)
    if members["id"].yaml.value in ("no-allow", "uncovered"):
        raise members["id"].error("this id is one of the gateway's own reasons")
    restore = members["effect"].yaml.value == RESTORE
    effect = Action.ALLOW if restore else _action(members["effect"])
    statement = Statement(
        id=members["id"].text(ID, "an id of lower-case words and hyphens"),
        effect=effect,
        directions=_directions(members.get("direction")),
        principals=_principals(members["principals"]) if "principals" in members else PrincipalMatch(),
        calls=_calls(members["calls"]) if "calls" in members else CallMatch(),
        findings=_findings(members["findings"]) if "findings" in members else None,
        operator=_operator(members["operator"], operators) if "operator" in members else None,
        restore=restore,
        encoded=Action[members["encoded"].choice(["mask", "block"]).upper()] if "encoded" in members else Action.MASK,
        terms=terms.read(node, members, hold=effect is Action.HOLD),
        reason=members["reason"].text() if "reason" in members else "",
        when=_when(members["when"]) if "when" in members else None,
        over=counting.read(members["over"]) if "over" in members else None,
        mode=Mode(members["mode"].choice([mode.value for mode in Mode])) if "mode" in members else Mode.ENFORCE,
        severity=LEVELS[members["severity"].choice(LEVELS)] if "severity" in members else None,
        owner=members["owner"].text() if "owner" in members else "",
        references=members["references"].strings(r"https?://\S+", "an address of the web")
        if "references" in members
        else (),
        where=node.where,
    )
    if effect is Action.MASK and (statement.findings is None or statement.operator is None):
        raise node.error("`mask` needs `findings` and an `operator`")
    if effect is Action.MASK and statement.counts and Direction.RESPONSE in statement.directions:
        what = "over" if statement.over else "when" if statement.when and statement.when.of_findings else "count"
        hint = f"a streamed reply cannot be masked by what will follow: add `direction: request`, or leave `{what}` out"
        raise members["findings" if what == "count" else what].error(hint)
    if effect is Action.ALLOW and statement.over:
        raise members["over"].error("what lets something pass must not begin with much use: mask, hold or block by it")
    if effect is not Action.MASK and statement.operator is not None:
        raise members["operator"].error("only `mask` takes an operator")
    if restore and statement.when and statement.when.of_findings:
        raise members["when"].error("what is found in a reply does not say who may see the originals")
    if restore and (statement.findings is None or statement.directions != {Direction.RESPONSE}):
        raise node.error("`restore` needs `findings` ({} for all), and `direction: response`")
    if effect is not Action.MASK and "encoded" in members:
        raise members["encoded"].error("only `mask` says what is done with `encoded` findings")
    return statement


def _action(node: Node) -> Action:
    return Action[node.choice([*(action.name.lower() for action in Action), RESTORE]).upper()]


def _directions(node: Node | None) -> frozenset[Direction]:
    chosen = node.choice(["request", "response", "both"]) if node else "both"
    return frozenset(Direction) if chosen == "both" else frozenset({Direction(chosen)})


def _principals(node: Node) -> PrincipalMatch:
    members = node.mapping(optional=["issuers", "workloads", "owners", "groups", "claims"])
    claims = members.pop("claims", None)
    sets = {name: _some(member) for name, member in members.items()}
    return PrincipalMatch(**sets, claims={name: _some(held) for name, held in claims.members()} if claims else {})


def _some(node: Node, pattern: str = r"(?s).+", hint: str = "text") -> frozenset[str]:
    values = frozenset(node.strings(pattern, hint))
    if not values:
        raise node.error("an empty list matches nothing; leave the key out to match everything")
    return values


def _calls(node: Node) -> CallMatch:
    sets = ["destinations", "dialects", "operations", "models", "tools"]
    members = node.mapping(optional=[*sets, "min_size", "max_size", "stream"])
    low, high = (members[name].integer(0, _SIZE) if name in members else None for name in ("min_size", "max_size"))
    if low is not None and high is not None and low > high:
        raise members["max_size"].error("less than `min_size`: no call would match")
    return CallMatch(
        **{name: _some(member) for name, member in members.items() if name in sets},
        min_size=low or 0,
        max_size=high,
        stream=members["stream"].boolean() if "stream" in members else None,
    )


def _when(node: Node) -> condition.Condition:
    try:
        return condition.read(node.text())
    except ValueError as error:
        raise node.error(str(error)) from None


def _findings(node: Node) -> FindingMatch:
    members = node.mapping(optional=["entities", "tags", "level", "score", "count", "labels"])
    given: dict[str, object] = {}
    if "entities" in members:
        given["entities"] = _some(members["entities"], ENTITY, "an entity such as EMAIL_ADDRESS")
    if "tags" in members:
        given["tags"] = _some(members["tags"], ID, "a tag")
    if "level" in members:
        given["level"] = LEVELS[members["level"].choice(LEVELS)]
    if "score" in members:
        given["score"] = members["score"].number(0, 1)
    if "count" in members:
        given["count"] = members["count"].integer(1, 1_000_000)
    if "labels" in members:
        given["labels"] = _some(members["labels"], LABEL, "a label of indexed material")
    return FindingMatch(**given)  # type: ignore[arg-type]


def _operator(node: Node, operators: OperatorTable) -> OperatorSpec:
    """`redact`, or a mapping with `name` and the operator's own parameters."""
    if isinstance(node.yaml, ScalarNode):
        name, members = node.choice(list(operators)), {}
    else:
        members = node.mapping(required=["name"], optional={p for params in operators.values() for p in params})
        name = members.pop("name").choice(list(operators))
    params: dict[str, object] = {}
    for key, value in members.items():
        kind = operators[name].get(key)
        if kind is None:
            raise value.error(f"operator {name!r} has no parameter {key!r}")
        params[key] = (
            value.integer(0, 64)
            if kind is int
            else value.text(r"(?s).", "one character")
            if key == "char"
            else value.text()
        )
    return OperatorSpec(name, params)
