#!/bin/sh
# Puts this deployment's names into nginx.conf and becomes nginx. The root file system is read-only: what it writes is
# under /tmp.
set -eu
origin=${BAROMETER_PUBLIC_ORIGIN:-http://127.0.0.1:8000}
case $origin in
    http://*/* | https://*/* | *[!A-Za-z0-9.:/_-]*) echo "front door: BAROMETER_PUBLIC_ORIGIN must be scheme://host or scheme://host:port, not $origin" >&2; exit 1 ;;
    http://?* | https://?*) ;;
    *) echo "front door: BAROMETER_PUBLIC_ORIGIN must start with http:// or https://, not $origin" >&2; exit 1 ;;
esac
host=${origin#*://}
host=${host%:*}
case $host in localhost | 127.0.0.1) host="" ;; *) host=" $host" ;; esac
# An emulator serves an API under a path of its own; LocalStack's WebSocket APIs and `$default` stages are documented
# under a host's name alone, which need not resolve anywhere: it is only said.
cloud=${BAROMETER_CLOUD:-cloud:4566}
if [ -n "${BAROMETER_API_DOMAIN:-}" ]; then
    http_host=$BAROMETER_HTTP_API.$BAROMETER_API_DOMAIN http_path=""
    socket_host=$BAROMETER_SOCKET_API.$BAROMETER_API_DOMAIN socket_path=""
else
    http_host=$cloud http_path=/_aws/execute-api/$BAROMETER_HTTP_API
    socket_host=$cloud socket_path=/_aws/execute-api/$BAROMETER_SOCKET_API
fi
resolver=$(awk '$1 == "nameserver" { print $2; exit }' /etc/resolv.conf)
sed -e "s|@PUBLIC_ORIGIN@|$origin|g" \
    -e "s|@PUBLIC_HOST@|$host|g" \
    -e "s|@RESOLVER@|${resolver:?no nameserver in /etc/resolv.conf}|g" \
    -e "s|@CLOUD@|$cloud|g" \
    -e "s|@HTTP_HOST@|$http_host|g" \
    -e "s|@HTTP_PATH@|$http_path|g" \
    -e "s|@SOCKET_HOST@|$socket_host|g" \
    -e "s|@SOCKET_PATH@|$socket_path|g" \
    "$(dirname "$0")/nginx.conf" >/tmp/nginx.conf
exec nginx -e stderr -c /tmp/nginx.conf -g 'daemon off;'
