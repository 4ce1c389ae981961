"""The one logger, tracer and metrics of a process; nobody makes a second."""

from aws_lambda_powertools import Logger, Metrics, Tracer

logger = Logger(service="barometer")
tracer = Tracer(service="barometer")
metrics = Metrics(namespace="Barometer", service="barometer")
