"""What a hostile client or a failing disk can do to a running daemon: nothing that lasts.

    RELAYCAST_BINARY=.build/release/relaycast pytest Tests/attack

Everything happens in network and mount namespaces of its own, bounded in count and in time.
"""
