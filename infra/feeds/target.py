"""Where a feed's posts go: the ``raw`` of the deployment that the settings name."""

from datetime import timedelta

from barometer.errors import SettingsError
from barometer.settings import Settings, load
from barometer.stores.deployment import deployment
from barometer.stores.redis import connect
from barometer.stores.streams import SOURCE
from infra.feeds.writer import Raw


def raw(settings: Settings | None = None) -> Raw:
    """Find ``raw``, with the bound that ``template.yaml`` gives it; without ``settings``, by the environment's.

    Raises:
        SettingsError: ``BAROMETER_REDIS_URL`` is missing, or the deployment cannot be read.
    """
    settings = settings or load(Settings)
    url = settings.redis_url.get_secret_value()
    if not url:
        raise SettingsError("wrong settings: BAROMETER_REDIS_URL: is not set")
    bound = deployment(settings.pipes_parameter).streams[SOURCE]
    return Raw(connect(url), settings.partitions, bound.maximum_length, timedelta(days=settings.retention_days))
