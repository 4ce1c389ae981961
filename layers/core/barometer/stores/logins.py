"""How Postgres is logged in to where a URL alone does not say it: by IAM, and with whom to trust.

``postgresql+iam://user@host:port/database?sslmode=verify-full&sslrootcert=system`` is a Postgres, or an RDS Proxy
before one, that takes no password but a token which the process signs with its own AWS credentials. A token lives 15
minutes and is looked at when a connection opens, so each connection gets one of its own; an open one stays open.

RDS Proxy refuses the startup option ``options``, and gives a session that was told anything by ``SET`` to one client
alone. So a pool sets nothing: the role has the timeouts and the time zone (``infra/aws/role.sql``). A command, which is
alone on its connection anyway, sets its own.

``sslrootcert=system`` means the certificates that this machine trusts, with any scheme. The libpq in psycopg's wheel
looks for them in a folder that no machine has, so it is given the file by name.
"""

import ssl
from functools import cache
from typing import TYPE_CHECKING, Final

from psycopg import OperationalError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

if TYPE_CHECKING:
    import boto3

TOKEN_SECONDS: Final = 900
_IAM: Final = "postgresql+iam://"


def is_iam(url: str) -> bool:
    """Whether ``url`` asks for a login by IAM."""
    return url.startswith(_IAM)


def conninfo(url: str) -> str:
    """What libpq is told for one connection to ``url``.

    Raises:
        psycopg.ProgrammingError: libpq knows no such URL.
        psycopg.OperationalError: there are no AWS credentials, or no region, to sign a token with.
    """
    parts = conninfo_to_dict(url.replace(_IAM, "postgresql://", 1))
    if parts.get("sslrootcert") == "system":
        parts["sslrootcert"] = trusted()
    if is_iam(url):
        parts["password"] = _token(str(parts["host"]), str(parts.get("port", 5432)), str(parts["user"]))
    return make_conninfo("", **parts)


@cache
def trusted() -> str:
    """The file of certificates that this machine trusts; boto3's own where the machine has none.

    Either has Amazon's root certificates, which RDS Proxy's stands on.
    """
    from botocore.httpsession import get_cert_path  # noqa: PLC0415 (as in ``_session``)

    return ssl.get_default_verify_paths().cafile or str(get_cert_path(True))


@cache
def _session() -> "boto3.Session":
    import boto3  # noqa: PLC0415 (a tenth of a second, for those alone who need it)

    return boto3.Session()


def _token(host: str, port: str, user: str) -> str:
    """A password for a quarter of an hour, as ``generate_db_auth_token`` of boto3's RDS client makes one.

    That client reads the description of all of RDS first, a tenth of a second of every cold start.
    """
    from botocore.auth import SigV4QueryAuth  # noqa: PLC0415 (as in ``_session``)
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415 (the same)
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415 (the same)

    session = _session()
    request = AWSRequest(method="GET", url=f"https://{host}:{port}/", params={"Action": "connect", "DBUser": user})
    try:
        credentials = session.get_credentials()
        if credentials is None or session.region_name is None:
            raise OperationalError("a login by IAM needs AWS credentials and AWS_DEFAULT_REGION")
        SigV4QueryAuth(credentials, "rds-db", session.region_name, expires=TOKEN_SECONDS).add_auth(request)
    except BotoCoreError as error:
        raise OperationalError(f"no token for a login by IAM can be signed: {error}") from error
    return str(request.prepare().url).removeprefix("https://")
