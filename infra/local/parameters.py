"""The parameters of ``template.yaml``, as the settings of whoever deploys it have them: one place for every cloud."""

from collections.abc import Mapping

from barometer.settings import Settings


def parameters(
    settings: Settings, *, database_url: str, redis_url: str, public_origin: str, endpoint: str
) -> Mapping[str, str]:
    """A value for each parameter that an emulated cloud needs.

    Args:
        settings: what every process is told.
        database_url: Postgres, as the functions reach it.
        redis_url: Redis, as the functions reach it.
        public_origin: what browsers call the front door.
        endpoint: the emulated AWS, as the functions reach it.
    """
    return {
        "DatabaseUrl": database_url,
        "RedisUrl": redis_url,
        "Partitions": str(settings.partitions),
        "PublicOrigin": public_origin,
        "Model": settings.model,
        "OverloadAfterSeconds": str(settings.overload_after_seconds),
        "ScoreCacheSeconds": str(settings.score_cache_seconds),
        "SentimentCheckpoint": settings.sentiment_checkpoint,
        "SentimentRevision": settings.sentiment_revision,
        "EmotionCheckpoint": settings.emotion_checkpoint,
        "EmotionRevision": settings.emotion_revision,
        "CheckpointLanguages": settings.checkpoint_languages,
        "NeutralBelow": str(settings.neutral_below),
        "RetentionDays": str(settings.retention_days),
        "DefaultLanguage": settings.default_language,
        "CacheSeconds": str(settings.cache_seconds),
        "LlmProvider": settings.llm_provider,
        "LlmApiKey": settings.llm_api_key.get_secret_value(),
        "LlmModel": settings.llm_model,
        "LlmBaseUrl": settings.llm_base_url,
        "LlmPosts": str(settings.llm_posts),
        "LlmRequests": str(settings.llm_requests),
        "LlmTimeoutSeconds": str(settings.llm_timeout_seconds),
        "LlmTotalSeconds": str(settings.llm_total_seconds),
        "LlmDailyUsd": str(settings.llm_daily_usd),
        "LlmDailyTokens": str(settings.llm_daily_tokens),
        "LlmUsdPerMillionIn": str(settings.llm_usd_per_million_in),
        "LlmUsdPerMillionOut": str(settings.llm_usd_per_million_out),
        "EndpointUrl": endpoint,
    }
