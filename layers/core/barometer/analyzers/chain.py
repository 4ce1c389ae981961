"""The chain: which analyzer scores which text, and what happens when it cannot.

Promises: a text goes to the first link that reads its language, and on to the next when that link is away or fails on
it; one bad text costs no other its score; what was used, and why nothing better, is told for every text.

A link that asks nobody over the network is our *own*. Where none of our own reads a language, a text of it never holds
up the pipe: it goes on unscored when the others are away. Where one does, and all are away, nothing is scored
(``UnavailableError``): waiting is better than to skip a post that we can read.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple, Protocol

from barometer.analyzers import Analyzer, UnscorableError, identity
from barometer.analyzers.links import FAST, Link, Log
from barometer.errors import UnavailableError
from barometer.scores import UNSCORED, Score

OVERLOADED: Final = "overloaded"
NOBODY_READS_IT: Final = "no model reads the language"
# Of a reason, which is kept in Redis and shown.
MOST_CHARACTERS: Final = 120


class Wanted(NamedTuple):
    """A text to score. ``late``: it has waited so long that the fast link has to do."""

    text: str
    lang: str | None
    late: bool = False


class Used(NamedTuple):
    """What scored a text (``None``: nothing), and why nothing better did (``""``: it is what should)."""

    model: str | None
    because: str


@dataclass(slots=True)
class Verdict:
    """What the chain says of a batch; a text that every link failed on is not in it.

    Args:
        scores: of each text.
        used: what gave it.
        recalled: how many were remembered, not computed.
    """

    scores: dict[Wanted, Score] = field(default_factory=dict)
    used: dict[Wanted, Used] = field(default_factory=dict)
    recalled: int = 0


class Memory(Protocol):
    """Scores that were given before."""

    def recall(self, model: str, texts: Sequence[str]) -> Mapping[str, Score]:
        """Those that ``model`` (an ``identity``) gave some of these texts. Never raises."""
        ...

    def keep(self, model: str, scores: Mapping[str, Score]) -> None:
        """Remember these. Never raises."""
        ...


class Chain:
    """Links in the order in which they are asked.

    Args:
        links: the first is the one that should do the work.
        memory: where scores are remembered, if anywhere.
        log: hears of what a link raised, inside the ``except``.
    """

    def __init__(self, links: Sequence[Link], memory: Memory | None = None, log: Log = lambda *_, **__: None) -> None:
        self._links = tuple(links)
        self._memory = memory
        self._log = log

    def load(self) -> None:
        """Load the first of our own that can be, as a cold start should.

        Raises:
            SettingsError: a link before it, or that one, is set wrong.
        """
        for link in self._links:
            try:
                link.get(self._log)
            except UnavailableError:
                continue
            if not link.remote:
                return

    def leads(self, lang: str | None) -> bool:
        """Whether the first link reads that language: by such texts one tells whether it is in use."""
        return self._links[0].reads(lang)

    def score(self, wanted: Iterable[Wanted]) -> Verdict:
        """Score each distinct text once.

        Raises:
            UnavailableError: all of our own links that read one of the languages are away.
        """
        # By route and not by language: what a remote link may take of a batch's time, it takes once.
        routes: dict[_Route, list[Wanted]] = {}
        for one in dict.fromkeys(wanted):
            routes.setdefault(self._route(one.lang, one.late), []).append(one)
        verdict = Verdict()
        # Our own first: if the pipe has to wait for them, no answer of another was paid for in vain.
        for route in sorted(routes, key=lambda route: all(link.remote for link in route.links)):
            _Walk(route, routes[route], self._memory, self._log).into(verdict)
        return verdict

    def _route(self, lang: str | None, late: bool) -> "_Route":
        links = tuple(link for link in self._links if link.reads(lang))
        if not links:
            return _Route((), None, NOBODY_READS_IT)
        if not late:
            return _Route(links, links[0])
        # Nobody is asked over the network either: that is the slowest of all.
        own = sorted((link for link in links if not link.remote), key=lambda link: link.name != FAST)
        return _Route(tuple(own), links[0], "" if own else OVERLOADED)


@dataclass(frozen=True, slots=True)
class _Route:
    """The links for texts of one language, in order; which is best; and why there is none, if so."""

    links: tuple[Link, ...]
    best: Link | None
    because: str = ""


class _Walk:
    """Texts of one language on their way along a route."""

    def __init__(self, route: _Route, wanted: Sequence[Wanted], memory: Memory | None, log: Log) -> None:
        self._route = route
        self._wanted = wanted
        self._memory = memory
        self._log = log
        self._left = list(dict.fromkeys(one.text for one in wanted))
        # Of each text, the first reason: why it did not get the best.
        self._because: dict[str, str] = dict.fromkeys(self._left, route.because)
        self._failed: set[str] = set()
        self._away: UnavailableError | None = None
        self._scores: dict[str, Score] = {}
        self._recalled = 0

    def into(self, verdict: Verdict) -> None:
        """Walk, and write down what came of it."""
        for link in self._route.links:
            if self._left:
                self._ask(link)
        own = any(not link.remote for link in self._route.links)
        if own and self._away and any(text not in self._failed for text in self._left):
            raise UnavailableError("no model can be reached", "; ".join(sorted(set(self._because.values()))))
        for one in self._wanted:
            score = self._scores.get(one.text)
            if score is None and not own:
                score = UNSCORED
            if score is not None:
                verdict.scores[one] = score
                verdict.used[one] = Used(score.model, self._because[one.text][:MOST_CHARACTERS])
        verdict.recalled += self._recalled

    def _ask(self, link: Link) -> None:
        try:
            analyzer = link.get(self._log)
        except UnavailableError as error:
            self._pass_on(self._left, f"{link.name}: {error.what}", error)
            return
        remembers = self._memory if link.remembered else None
        if remembers:
            recalled = remembers.recall(identity(analyzer), self._left)
            self._recalled += len(recalled)
            self._take({text: replace(score, model=analyzer.name) for text, score in recalled.items()}, link)
        if not self._left:
            return
        before = self._scores.copy()
        self._score(link, analyzer, self._left)
        if remembers:
            remembers.keep(identity(analyzer), {text: it for text, it in self._scores.items() if text not in before})

    def _score(self, link: Link, analyzer: Analyzer, texts: Sequence[str]) -> None:
        """Score these or pass them on; of our own, look for the bad ones in halves (log2(n) calls more each, not n)."""
        try:
            self._take(dict(zip(texts, analyzer.analyze(texts), strict=True)), link)
        except UnavailableError as error:
            self._pass_on(texts, f"{link.name}: {error.what}", error)
        except UnscorableError as error:
            scored = {text: score for text, score in zip(texts, error.scores, strict=True) if score}
            self._take(scored, link)
            self._fail(link, [text for text in texts if text not in scored], error.why)
        except Exception:  # noqa: BLE001 (whatever an analyzer raises, it raises for one batch)
            if len(texts) == 1 or link.remote:
                self._log("texts could not be scored", extra={"link": link.name, "characters": [*map(len, texts)]})
                self._fail(link, texts, "failed on the text")
                return
            middle = len(texts) // 2
            self._score(link, analyzer, texts[:middle])
            self._score(link, analyzer, texts[middle:])

    def _take(self, scores: Mapping[str, Score], link: Link) -> None:
        if link is self._route.best:
            self._because |= dict.fromkeys(scores, "")
        elif link is self._route.links[0]:
            self._because |= dict.fromkeys(scores, OVERLOADED)
            scores = {text: replace(score, model=f"{score.model} (overload)") for text, score in scores.items()}
        self._scores |= scores
        self._left = [text for text in self._left if text not in scores]

    def _fail(self, link: Link, texts: Sequence[str], why: str) -> None:
        self._failed.update(() if link.remote else texts)
        self._pass_on(texts, f"{link.name}: {why}")

    def _pass_on(self, texts: Sequence[str], because: str, away: UnavailableError | None = None) -> None:
        self._away = away or self._away
        for text in texts:
            self._because[text] = self._because[text] or because
