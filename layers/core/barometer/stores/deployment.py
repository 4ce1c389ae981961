"""The door to the deployment: which streams and pipes ``template.yaml`` declared, read from the SSM parameter."""

import json
from functools import lru_cache

from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.exceptions import BotoCoreError
from pydantic import ValidationError

from barometer.errors import SettingsError
from barometer.streams import Deployment

MAX_AGE_SECONDS = 60


def deployment(name: str) -> Deployment:
    """Read parameter ``name``; asked again within a minute, the answer comes from memory.

    Raises:
        SettingsError: the parameter cannot be had, or is not a deployment; the message says what is wrong with it.
    """
    try:
        text = parameters.get_parameter(name, max_age=MAX_AGE_SECONDS)
    except (GetParameterError, BotoCoreError) as error:
        raise SettingsError(f"the parameter {name} cannot be read: {error}") from error
    return parse(text, name)


@lru_cache(maxsize=8)
def parse(text: str, name: str) -> Deployment:
    """Check the JSON of a deployment.

    Raises:
        SettingsError: naming every field at fault.
    """
    try:
        # In two steps: reading JSON itself, pydantic takes no notice of a key that is spelt as its field is in Python.
        return Deployment.model_validate(json.loads(text))
    except json.JSONDecodeError as error:
        raise SettingsError(f"the parameter {name} is not JSON: {error}") from None
    except ValidationError as error:
        faults = "; ".join(
            ": ".join(filter(None, [".".join(str(part) for part in fault["loc"]), fault["msg"]]))
            for fault in error.errors()
        )
        raise SettingsError(f"the parameter {name} declares no valid deployment: {faults}") from None
