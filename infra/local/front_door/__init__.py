"""The front door: one origin for a browser, as CloudFront is on AWS.

``/`` is the dashboard (``dashboard``), ``/api/*`` the HTTP API (``http_api``), ``/socket`` the WebSocket API
(``socket_api``). One origin means one cookie, no CORS, and one address to tell a person. It holds nothing: what passes
through is bounded, and either side's end is the other's.
"""
