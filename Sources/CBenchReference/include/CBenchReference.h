// Reference programs that Relaycast is measured against, and the tools that measure: written in C
// the way one would write them if nothing but speed mattered. Every function that can fail returns
// a negative errno; none returns before its work is over.
#ifndef RELAYCAST_CBENCHREFERENCE_H
#define RELAYCAST_CBENCHREFERENCE_H

#include <stddef.h>
#include <stdint.h>

// MARK: The API's reference

// Answers every request to 127.0.0.1:`port` with 200, these header lines ("Name: value\n"…) and
// this body, from one response made in advance, by libmicrohttpd with the daemon's flags (one
// thread, poll). Prints one line when it listens, and returns on SIGTERM or SIGINT.
int bench_serve(uint16_t port, const char *headers, const uint8_t *body, size_t length);

#endif
