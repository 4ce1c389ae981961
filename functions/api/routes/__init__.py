"""One file a resource; here they are gathered."""

from functions.api.routes import (
    alerts,
    analyze,
    dead_letters,
    health,
    keys,
    mood,
    pipeline,
    posts,
    rules,
    session,
    topics,
)

routers = (
    posts.router,
    mood.router,
    topics.router,
    rules.router,
    alerts.router,
    analyze.router,
    pipeline.router,
    dead_letters.router,
    keys.router,
    session.router,
    health.router,
)
