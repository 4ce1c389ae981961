"""The runner: a small Lambda service for one machine.

It serves Lambda's ``Invoke`` to any AWS client (``api``) and Lambda's Runtime API (``runtime_api``) to the functions,
which are AWS's own ``awslambdaric``. What it promises is what Lambda promises: one request at a time for each execution
environment (``environment``), as many environments as the function's reserved concurrency and not one more (``pool``),
a kill at the timeout, an environment that outlives its handler's errors, and refusals in Lambda's own words
(``errors``).

A function's settings are read from the deployed stack (``functions``); nothing is configured twice. Who starts a
function is behind one protocol (``launcher``): ``processes`` starts processes, ``containers`` starts images.
"""
