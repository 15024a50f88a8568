"""What GET /metrics says, by the word of Prometheus's own tools.

    scripts/install-dependencies test
    pip install --requirement Tests/requirements.txt
    RELAYCAST_BINARY=.build/release/relaycast pytest Tests/metrics

The Prometheus server is our own: its configuration and storage are in a temporary folder, and it
listens in a network namespace.
"""
