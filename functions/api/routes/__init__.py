"""One file a resource; here they are gathered."""

from functions.api.routes import alerts, analyze, health, keys, mood, pipeline, posts, rules, session, topics

routers = (
    posts.router,
    mood.router,
    topics.router,
    rules.router,
    alerts.router,
    analyze.router,
    pipeline.router,
    keys.router,
    session.router,
    health.router,
)
