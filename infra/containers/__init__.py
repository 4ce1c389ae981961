"""What runs in containers and has no process of its own in the embedded Barometer.

``secrets`` and ``migrations`` each run once before the rest starts, ``ready`` once after it; ``cloud`` is the emulated
AWS that deploys itself, ``healthy`` every container's healthcheck, and ``front_door/`` nginx. ``docker-compose.yml``
puts them together.
"""
