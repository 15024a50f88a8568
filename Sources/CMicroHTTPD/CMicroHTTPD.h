// libmicrohttpd as a module, with fixed-argument wrappers for its variadic calls,
// which Swift cannot import.
#ifndef RELAYCAST_CMICROHTTPD_H
#define RELAYCAST_CMICROHTTPD_H

#include <microhttpd.h>

#endif
