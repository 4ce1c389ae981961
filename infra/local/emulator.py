"""How ministack is told to be the AWS that ``template.yaml`` needs, and no more of it."""

from collections.abc import Mapping

from infra.local.names import REGION, STACK, STEPS

# Those of its services that the template uses; the others would only be more to start and to reach.
_SERVICES = "apigateway,cloudformation,cloudwatch,ecr,events,iam,lambda,logs,ssm,sts"


def cloud_environment(runner_url: str) -> Mapping[str, str]:
    """Its environment variables, but for where it listens and what it keeps.

    Args:
        runner_url: endpoint of the runner, which it calls for every function.
    """
    functions = {f"MINISTACK_LAMBDA_PROXY_{STACK}-{step}": f"{runner_url}/proxy/{STACK}-{step}" for step in STEPS}
    return functions | {
        "MINISTACK_REGION": REGION,
        "SERVICES": _SERVICES,
        # Both would listen on every interface.
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
    }
