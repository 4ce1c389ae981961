"""Groq, OpenAI and Anthropic, each through its own SDK, made to look alike.

Promises: an error says what happened and nothing of what was sent: no key, no header, no post, no word of the
provider's answer but its own code for the error. The SDKs' own retries are off: there is one place that tries again
(``line``). Each SDK is imported when it is used.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from importlib import import_module
from time import time
from typing import Any, Final

from pydantic import SecretStr

from barometer.analyzers.llm.answers import SCHEMA, SCHEMA_NAME

_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,59}")
# The request never left: the provider has nothing to charge for.
_NEVER_SENT: Final = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol", "ProxyError"})


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model wrote, whether it came to its end, and its tokens (``None``: the provider did not say)."""

    text: str
    whole: bool
    tokens_in: int | None
    tokens_out: int | None


class AskError(Exception):
    """A request that brought no reply.

    Args:
        reason: in a few words.
        status: of HTTP; 0 if there was no answer.
        sent: whether the provider may have worked on it, and charge for it.
        retry_after: seconds that the provider asks to wait.
    """

    def __init__(self, reason: str, *, status: int = 0, sent: bool = True, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.sent = sent
        self.retry_after = retry_after

    @property
    def passing(self) -> bool:
        """Whether the same request may well succeed in a moment."""
        return self.status in {0, 408, 409, 425, 429} or self.status >= 500

    @property
    def refused(self) -> bool:
        """Whether it was this request that the provider would not take: its form, its length, its content."""
        return self.status in {400, 413, 422}


class Provider(ABC):
    """One provider's model, asked over HTTP.

    Args:
        key: of its API.
        model: its name.
        base_url: empty for the provider's own.
    """

    package: str
    client: str
    base_url: str
    forms: tuple[str, ...]
    """Ways to ask for JSON, the surest first; a model that refuses one is asked by the next."""

    def __init__(self, key: SecretStr, model: str, base_url: str = "") -> None:
        self._key = SecretStr(key.get_secret_value().strip())
        self._model = model
        self._base_url = base_url or self.base_url

    def connect(self, seconds: float) -> AbstractAsyncContextManager[Any]:
        """A client of the SDK for one event loop; its requests take ``seconds`` at most between two bytes."""
        # All is said, so that no other variable of the SDK's (a base URL, a second key) is read.
        made: AbstractAsyncContextManager[Any] = getattr(import_module(self.package), self.client)(
            api_key=self._key.get_secret_value(), base_url=self._base_url, timeout=seconds, max_retries=0
        )
        self._load(made)
        return made

    async def ask(self, client: Any, system: str, user: str, most_tokens: int, form: str) -> Reply:  # noqa: ANN401 (three SDKs' clients have no common type)
        """One request.

        Raises:
            AskError: there is no reply.
        """
        sdk = import_module(self.package)
        try:
            return await self._ask(client, system, user, most_tokens, form)
        except sdk.APIStatusError as error:
            raise _answered(error) from None
        except sdk.APITimeoutError as error:
            raise AskError("timed out", sent=_sent(error)) from None
        except sdk.APIConnectionError as error:
            raise AskError("no connection", sent=_sent(error)) from None
        except Exception as error:  # noqa: BLE001 (an answer that is none of the API's; what it says may hold the key)
            raise AskError(f"not understood ({type(error).__name__})", status=200) from None

    @abstractmethod
    def _load(self, client: Any) -> None:  # noqa: ANN401 (see ``ask``)
        """Import what the SDK would else import in the middle of the first request."""

    @abstractmethod
    async def _ask(self, client: Any, system: str, user: str, most_tokens: int, form: str) -> Reply:  # noqa: ANN401 (see ``ask``)
        ...


class _ChatCompletions(Provider):
    """The protocol that OpenAI and Groq share."""

    forms = ("strict", "schema", "object", "plain")

    def _load(self, client: Any) -> None:  # noqa: ANN401 (see ``ask``)
        _ = client.chat.completions

    async def _ask(self, client: Any, system: str, user: str, most_tokens: int, form: str) -> Reply:  # noqa: ANN401 (see ``ask``)
        completion = await client.chat.completions.create(
            model=self._model,
            messages=[{"role": "system", "content": system}, {"role": "user", "content": user}],
            max_completion_tokens=most_tokens,
            **_response_format(form),
        )
        choice = completion.choices[0]
        return Reply(
            choice.message.content or "",
            choice.finish_reason not in {"length", "content_filter"},
            _count(completion.usage and completion.usage.prompt_tokens),
            _count(completion.usage and completion.usage.completion_tokens),
        )


class OpenAI(_ChatCompletions):
    """OpenAI, or whoever speaks like it at ``LLM_BASE_URL``."""

    package, client, base_url = "openai", "AsyncOpenAI", "https://api.openai.com/v1"


class Groq(_ChatCompletions):
    """Groq."""

    package, client, base_url = "groq", "AsyncGroq", "https://api.groq.com"


class Anthropic(Provider):
    """Anthropic."""

    package, client, base_url = "anthropic", "AsyncAnthropic", "https://api.anthropic.com"
    forms = ("schema", "plain")

    def _load(self, client: Any) -> None:  # noqa: ANN401 (see ``ask``)
        _ = client.messages

    async def _ask(self, client: Any, system: str, user: str, most_tokens: int, form: str) -> Reply:  # noqa: ANN401 (see ``ask``)
        config = {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}} if form == "schema" else {}
        message = await client.messages.create(
            model=self._model,
            system=system,
            messages=[{"role": "user", "content": user}],
            max_tokens=most_tokens,
            **config,
        )
        return Reply(
            "".join(block.text for block in message.content if block.type == "text"),
            message.stop_reason not in {"max_tokens", "refusal", "model_context_window_exceeded"},
            _count(message.usage.input_tokens),
            _count(message.usage.output_tokens),
        )


PROVIDERS: Final[Mapping[str, type[Provider]]] = {"groq": Groq, "openai": OpenAI, "anthropic": Anthropic}


def _response_format(form: str) -> dict[str, Any]:
    if form == "plain":
        return {}
    if form == "object":
        return {"response_format": {"type": "json_object"}}
    schema = {"name": SCHEMA_NAME, "strict": form == "strict", "schema": SCHEMA}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _count(tokens: object) -> int | None:
    return tokens if isinstance(tokens, int) and tokens >= 0 else None


def _answered(error: Any) -> AskError:  # noqa: ANN401 (three SDKs' errors have no common type)
    body = error.body if isinstance(error.body, dict) else {}
    inner = body.get("error", body)
    codes = [inner.get(name) for name in ("code", "type")] if isinstance(inner, dict) else []
    # The message is left out: providers quote the key in theirs, or the request.
    code = next((code for code in codes if isinstance(code, str) and _CODE.fullmatch(code)), "")
    status = int(error.status_code)
    reason = "rate limited" if status == 429 else f"answered {status}"
    return AskError(
        f"{reason} ({code})" if code else reason,
        status=status,
        sent=False,
        retry_after=_retry_after(error.response.headers),
    )


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from ``retry-after-ms`` or ``Retry-After`` in seconds or as a date (RFC 9110, 10.2.3)."""
    milliseconds, said = headers.get("retry-after-ms"), headers.get("retry-after")
    try:
        if milliseconds is not None:
            return max(0.0, min(float(milliseconds) / 1000, 86_400))
        return None if said is None else max(0.0, min(float(said), 86_400))
    except ValueError:
        pass
    try:
        return max(0.0, min(parsedate_to_datetime(said or "").timestamp() - time(), 86_400))
    except ValueError:
        return None


def _sent(error: BaseException) -> bool:
    return type(error.__cause__).__name__ not in _NEVER_SENT
