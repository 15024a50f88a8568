"""Holds a running daemon against openapi.yaml.

    pip install --requirement Tests/requirements.txt
    RELAYCAST_BINARY=.build/release/relaycast pytest Tests/contract

Everything happens in network namespaces of its own: nothing leaves this host, nothing stays behind.
"""
