"""The gateway, for mitmproxy:  mitmdump -s addons/gateway.py

The order of the stages is the security property: each fills one field of the exchange, and nothing leaves
unless every field is filled.
"""

import os
import sys
import traceback

try:
    from weighlock import assembly
    from weighlock.stages.approve import Approve
    from weighlock.stages.broker import Broker
    from weighlock.stages.decide import Decide
    from weighlock.stages.identify import Identify
    from weighlock.stages.inspect import Inspect
    from weighlock.stages.mask import Mask
    from weighlock.stages.read import Read
    from weighlock.stages.record import Record
    from weighlock.stages.tunnels import Tunnels

    assembly.start(
        order=(
            Tunnels,  # a listed destination, over TLS, in HTTP that everybody reads the same way
            Identify,  # a verified principal of a known workload, not cut off
            Read,  # every string that could leave, with its place
            Inspect,  # what is in them
            Decide,  # what policy says of it
            Mask,  # what will leave, serialised anew
            Approve,  # held until a person who is not the requester signs it off
            Broker,  # the gateway's own credential; never the client's
            Record,  # durable before a byte leaves
        ),
        script=__file__,
    )
except BaseException as error:  # mitmproxy would log this and go on without protection
    if type(error).__name__ != "ConfigError":
        traceback.print_exc()
    print(f"weighlock: cannot start: {error or type(error).__name__}", file=sys.stderr, flush=True)
    os._exit(78)
