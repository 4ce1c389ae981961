"""``llm``: a language model of Groq, OpenAI or Anthropic scores, through their own SDKs. Any language; it costs money.

Made with ``LlmAnalyzer.from_settings(settings, budget)``; ``barometer.stores.spending.Spending`` is the budget.
"""

from barometer.analyzers.llm.analyzer import LlmAnalyzer
from barometer.analyzers.llm.budget import Budget, Usage

__all__ = ["Budget", "LlmAnalyzer", "Usage"]
