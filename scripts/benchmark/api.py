"""What the API costs, beside a bare libmicrohttpd server that returns the same bytes."""


def measure_requests(lab, seconds):
    return []


def measure_under_load(lab, seconds, rates):
    return []


def measure_memory(lab):
    return []
