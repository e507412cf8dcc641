"""What a reply says is inspected, judged, and rewritten: masked, and its pseudonyms put back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from weighlock.detection.rules import NER, guess_id
from weighlock.errors import BadReply, Forbidden
from weighlock.masking import apply, echo
from weighlock.masking.apply import Rewrite
from weighlock.masking.operators import Operators
from weighlock.masking.restore import merged, restored
from weighlock.masking.vault import Kept
from weighlock.model import Action, Direction, Finding, OperatorSpec, Role, Text
from weighlock.policy.decide import acts_on, alone, decide, is_judged, restores, speaks_of
from weighlock.policy.tally import amount
from weighlock.stages.mask import blocked
from weighlock.stages.passage import Passage
from weighlock.stages.stage import Parts, filled

FLOWING = 10_000
"""Most findings of a stream or a socket: with every further text all of them are judged again."""

type _Masked = Callable[[Finding], OperatorSpec | None]


async def weigh(parts: Parts, passage: Passage, texts: tuple[Text, ...]) -> dict[str, Sequence[Rewrite]]:
    """The rewrites of those *texts* that must change. Counts add up over a stream: the verdict sees all findings."""
    with parts.counters.trying(passage.exchange.id):
        rewrites = await _weighed(parts, passage, texts)
    await parts.counters.keep(passage.exchange.id)
    return rewrites


async def count_rest(parts: Parts, passage: Passage) -> None:
    """What of a reply that passed as it flowed had no text behind it, and was counted with none."""
    exchange, flowed = passage.exchange, passage.pump or passage.socket
    if flowed and not passage.refused and (rest := passage.reply_size - passage.reply_counted):
        passage.reply_counted = passage.reply_size
        new = partial(amount, (), (), size=rest)
        await parts.counters.count(exchange.id, exchange.rules.policy, filled(exchange.principal), new)
        await parts.counters.keep(exchange.id)


async def _weighed(parts: Parts, passage: Passage, texts: tuple[Text, ...]) -> dict[str, Sequence[Rewrite]]:
    exchange = passage.exchange
    findings = await parts.pool.inspect(_asked(parts, passage, texts), exchange.rules.detect)
    passage.reply_findings += findings
    if (passage.pump or passage.socket) and len(passage.reply_findings) > FLOWING:
        raise BadReply("reply-findings", f"More than {FLOWING} findings in one stream.")
    policy, principal, call = exchange.rules.policy, filled(exchange.principal), filled(exchange.call)
    judged = [finding for finding in findings if is_judged(policy, finding, Direction.RESPONSE)]
    new = partial(amount, texts, judged, size=passage.reply_size - passage.reply_counted)
    passage.reply_counted = passage.reply_size
    counts = await parts.counters.count(exchange.id, policy, principal, new)
    verdict = decide(policy, principal, call, passage.reply_findings, Direction.RESPONSE, counts)
    passage.reply_verdict = verdict
    if verdict.action >= Action.HOLD:
        raise blocked(verdict)
    masked = partial(alone, policy, principal, call, counts=counts)
    run = parts.operators(principal, filled(exchange.verdict))
    own = echo.secret(exchange.credential)
    put_back = await _restorer(parts, passage)
    rewrites: dict[str, Sequence[Rewrite]] = {}
    for text in texts:
        found = put_back(text, _rewrites(text, findings, masked, run))
        if found := echo.hidden(text.value, found, own):
            if not text.role.rewritable:
                raise _not_maskable()
            rewrites[text.pointer] = found
    return rewrites


async def _restorer(parts: Parts, passage: Passage) -> Callable[[Text, Sequence[Rewrite]], Sequence[Rewrite]]:
    """Adds to the masks of a text the originals of the pseudonyms in it that policy lets the principal see."""
    exchange = passage.exchange
    principal = filled(exchange.principal)
    matches = restores(exchange.rules.policy, principal, filled(exchange.call))
    vault = await parts.vaults.of(principal) if matches else None

    def may(kept: Kept) -> bool:
        return any(speaks_of(match, kept.finding) for match in matches)

    def put_back(text: Text, masks: Sequence[Rewrite]) -> Sequence[Rewrite]:
        if not vault or not text.role.rewritable:
            return masks
        changes, done = merged(masks, restored(text.value, vault, may))
        passage.restored.update(kept.finding.entity for kept in done)
        return changes

    return put_back


def _rewrites(text: Text, findings: Sequence[Finding], masked: _Masked, run: Operators) -> Sequence[Rewrite]:
    try:
        return apply.rewrites(text, findings, masked, run)
    except Forbidden:
        raise _not_maskable() from None


def _not_maskable() -> BadReply:
    return BadReply("reply-not-maskable", "Something stands in the reply where it cannot be masked.")


def _asked(parts: Parts, passage: Passage, texts: tuple[Text, ...]) -> tuple[Text, ...]:
    """*texts* as they are inspected: where no model need read them, as words are."""
    if _reads_names(parts, passage):
        return texts
    return tuple(replace(text, role=Role.PARAMETER) if text.role is Role.CONTENT else text for text in texts)


def _reads_names(parts: Parts, passage: Passage) -> bool:
    """Whether models must read the reply: not where whatever they find would make no difference."""
    exchange = passage.exchange
    principal, call = filled(exchange.principal), filled(exchange.call)
    guesses = (
        Finding(guess_id(entity), entity, level, 1.0, "", 0, 0, "", frozenset(tags))
        for entity, (level, tags) in NER.items()
    )
    return parts.settings.ner != "none" and any(
        acts_on(exchange.rules.policy, principal, call, guess) for guess in guesses
    )


def early(parts: Parts, passage: Passage) -> Callable[[str], int] | None:
    """What may leave before its segment is complete: told where rules alone are asked, and nothing is put back."""
    exchange = passage.exchange
    plain = not _reads_names(parts, passage) and not parts.material.current().files
    if not plain or restores(exchange.rules.policy, filled(exchange.principal), filled(exchange.call)):
        return None
    return parts.early.of(exchange.rules.detect, exchange.rules.policy.hears_replies)
