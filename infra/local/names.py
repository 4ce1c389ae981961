"""What the stack and its functions are called, where it lies, and how one signs in to an emulated AWS."""

from typing import Final

STACK: Final = "barometer"
REGION: Final = "us-east-1"
# An emulator checks no signature; real credentials have no business here.
CREDENTIALS: Final = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
# The functions: those that serve pipes, and those that serve API Gateway.
PIPELINE: Final = ("ingest", "infer", "aggregate", "alert", "push")
STEPS: Final = (*PIPELINE, "api", "socket")
