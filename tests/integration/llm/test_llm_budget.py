"""What the language model may cost in a day: one account for all processes, and no Redis means no spending."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from barometer.analyzers import UnscorableError
from barometer.analyzers.llm.budget import NOTHING, Prices, Usage
from barometer.errors import UnavailableError
from barometer.observability import metrics
from barometer.settings import Settings
from barometer.stores import redis as door
from barometer.stores.spending import Spending, metered
from tests.cluster import keys
from tests.integration.llm.conftest import Make
from tests.integration.llm.provider import Day, FakeProvider

DAY = "2026-11-22"
ONE = Usage(1, 80, 20, 1_000)


@pytest.fixture
def redis_url(any_redis_url: str) -> str:
    return any_redis_url


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with door.client(redis_url) as client:
        yield client


def spending(client: redis.Redis, usd: float = 1, tokens: int = 10_000_000) -> Spending:
    return Spending(client, usd, tokens, day=lambda: DAY)


def test_what_is_set_aside_is_replaced_by_what_it_cost(client: redis.Redis):
    account = spending(client)
    first, second = account.reserve(ONE), account.reserve(ONE)
    assert account.today() == Usage(0, 0, 0, 2_000)
    account.settle(first, Usage(1, 50, 10, 300))
    account.settle(second, NOTHING)
    assert account.today() == Usage(1, 50, 10, 300)


@pytest.mark.parametrize(("usd", "tokens", "which"), [(0.0105, 10_000, "usd"), (1, 1_050, "tokens")])
def test_nothing_is_set_aside_past_either_limit(client: redis.Redis, usd: float, tokens: int, which: str):
    account = spending(client, usd, tokens)
    for _ in range(10):
        account.reserve(ONE)
    with pytest.raises(UnavailableError, match=which) as caught:
        account.reserve(ONE)
    assert caught.value.what == "daily budget spent"
    assert account.today().micro_usd == 10_000


def test_a_limit_of_nothing_spends_nothing(client: redis.Redis):
    with pytest.raises(UnavailableError, match="daily budget spent"):
        spending(client, usd=0).reserve(ONE)


def test_a_new_utc_day_has_new_money_and_the_old_one_is_forgotten(client: redis.Redis, redis_url: str):
    today = [DAY]
    account = Spending(client, 0.001, 1_000, day=lambda: today[0])
    late = account.reserve(ONE)
    today[0] = "2026-11-23"
    account.reserve(ONE)
    account.settle(late, Usage(1, 1, 1, 10))
    assert account.today() == Usage(0, 0, 0, 1_000), "what was reserved yesterday is charged to yesterday"
    lifetimes = [client.ttl(key) for key in keys(redis_url, "*")]
    assert len(lifetimes) == 2
    assert all(86_400 < seconds <= 2 * 86_400 for seconds in lifetimes)


def test_processes_that_ask_at_once_do_not_pass_the_limit_together(redis_url: str, client: redis.Redis):
    program = (
        "import sys\n"
        "from barometer.analyzers.llm.budget import Usage\n"
        "from barometer.errors import UnavailableError\n"
        "from barometer.stores.redis import connect\n"
        "from barometer.stores.spending import Spending\n"
        "account = Spending(connect(sys.argv[1]), 0.5, 10**9, day=lambda: '2026-11-22')\n"
        "sys.stdout.write('ready\\n'); sys.stdout.flush(); sys.stdin.readline()\n"
        "got = 0\n"
        "for _ in range(1000):\n"
        "    try:\n"
        "        reservation = account.reserve(Usage(1, 80, 20, 1_000))\n"
        "    except UnavailableError:\n"
        "        continue\n"
        "    got += 1\n"
        "    if got % 2:\n"
        "        account.settle(reservation, Usage(1, 80, 20, 1_000))\n"
        "print(got)\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, redis_url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

    def finish(process: subprocess.Popen[str]) -> int:
        return int(process.communicate("go\n", timeout=200)[0])

    with ThreadPoolExecutor(2) as threads:
        got = list(threads.map(finish, processes))
    assert sum(got) == 500
    assert min(got) > 0
    assert spending(client).today().micro_usd == 500_000


def test_a_budget_that_ends_in_the_middle_keeps_the_scores_that_were_paid_for(
    make: Make, fake: FakeProvider, client: redis.Redis
):
    fake.tokens = (500, 100)
    account = spending(client, usd=0.2)
    analyzer = make(budget=account, llm_posts=1, llm_requests=1, llm_usd_per_million_in=10, llm_usd_per_million_out=50)
    texts = [f"das war gut {number}" for number in range(40)]
    with pytest.raises(UnscorableError, match="daily budget spent") as caught:
        analyzer.analyze(texts)
    scored = sum(score is not None for score in caught.value.scores)
    assert 0 < scored < 40
    assert scored == len(fake.requests)
    assert account.today() == analyzer.used == Usage(scored, 500 * scored, 100 * scored, 10_000 * scored)
    assert analyzer.used.usd <= 0.2
    assert analyzer.unavailable_because == "daily budget spent"
    with pytest.raises(UnavailableError, match="daily budget spent"):
        analyzer.analyze(["und noch eins"])
    assert len(fake.requests) == scored


def test_without_redis_nothing_is_spent_and_redis_is_asked_once_not_for_every_request(
    make: Make, fake: FakeProvider, caplog: pytest.LogCaptureFixture
):
    away = Spending(redis.Redis(host="127.0.0.1", port=9, retry=Retry(NoBackoff(), 0)), 100, 10**9)
    analyzer = make(budget=away, llm_posts=1)
    with pytest.raises(UnavailableError) as caught:
        analyzer.analyze([f"text {number}" for number in range(50)])
    assert caught.value.what == "budget cannot be read"
    assert fake.requests == []
    assert caplog.text.count("nothing is spent on the language model") == 1


def test_a_request_without_an_answer_is_charged_for_what_it_sent_and_an_error_for_nothing(
    make: Make, fake: FakeProvider, client: redis.Redis
):
    account = spending(client)
    analyzer = make(budget=account)
    fake.usual = Day(status=503)
    with pytest.raises(UnavailableError):
        analyzer.analyze(["gut"])
    assert account.today() == Usage(3, 0, 0, 0)
    fake.usual = Day(hangs_up=True)
    with pytest.raises(UnavailableError):
        analyzer.analyze(["gut"])
    today = account.today()
    assert today.tokens_in > 0
    assert today.micro_usd == Prices(5, 25).micro_usd(today.tokens_in, 0)


def test_the_limits_are_the_settings_and_the_metrics_hear_of_it(client: redis.Redis):
    settings = Settings.model_validate({"llm_daily_usd": 0.0015, "llm_daily_tokens": 10_000})
    account = Spending.from_settings(settings, client, metered)
    account.settle(account.reserve(ONE), Usage(1, 60, 6, 999))
    try:
        told = {name: row["Value"] for name, row in metrics.metric_set.items()}
    finally:
        metrics.clear_metrics()
    assert told == {"LlmRequests": [1], "LlmTokensIn": [60], "LlmTokensOut": [6], "LlmUsd": [pytest.approx(0.000999)]}
    with pytest.raises(UnavailableError, match="too little usd"):
        account.reserve(ONE)
